"""DEPTHWISE_CONV_2D: a convolution of each input channel by itself."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, ClassVar

from tinydeploy.graph.convolution import Convolution, convolution_constraints, read_convolution
from tinydeploy.graph.invariants import broken
from tinydeploy.graph.node import Constraint, Node
from tinydeploy.graph.op import register_op

if TYPE_CHECKING:
    from tinydeploy.graph.graph import Graph


def whole_multiplier(node: Node) -> bool:
    """Its weights are [1, h, w, input channels times a whole number]."""
    weights = node.input(1).shape
    return weights[0] == 1 and weights[3] % node.input(0).shape[3] == 0


@register_op()
@dataclass(frozen=True, eq=False)
class DepthwiseConv2D(Convolution):
    """A convolution of each input channel by itself.

    `weights` is [1, kernel h, kernel w, output channels]. Output channel c reads input channel
    c // depth_multiplier.
    """

    builtin: ClassVar[str] = "DEPTHWISE_CONV_2D"
    channel_axis: ClassVar[int] = 3
    constraints: ClassVar[tuple[Constraint, ...]] = (
        *convolution_constraints(axis=3),
        whole_multiplier,
    )

    depth_multiplier: int = 1

    @classmethod
    def read(cls, node: Node) -> DepthwiseConv2D:
        """Makes the op from an operator whose constraints hold."""
        weights = node.constant(1)
        _, height, width, channels = weights.shape
        return cls(
            weights=weights,
            depth_multiplier=channels // node.input(0).shape[3],
            **read_convolution(node, (height, width), channels),
        )

    def verify(self, graph: Graph) -> list[str]:
        """The invariants of a convolution of each channel by itself."""
        depth = graph.tensors[self.inputs[0]].rows[2]
        return super().verify(graph) + broken(
            (self.weights.shape[0] == 1, "the weights' first dimension is 1"),
            (depth * self.depth_multiplier == self.channels, "the multiplier gives the channels"),
        )
