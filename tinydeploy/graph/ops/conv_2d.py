"""CONV_2D: a convolution over all input channels."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, ClassVar

from tinydeploy.graph.convolution import Convolution, convolution_constraints, read_convolution
from tinydeploy.graph.invariants import broken
from tinydeploy.graph.node import Constraint, Node
from tinydeploy.graph.op import register_op

if TYPE_CHECKING:
    from tinydeploy.graph.graph import Graph


def ungrouped(node: Node) -> bool:
    """Its weights read all input channels: it is not a grouped convolution."""
    return node.input(1).shape[3] == node.input(0).shape[3]


@register_op()
@dataclass(frozen=True, eq=False)
class Conv2D(Convolution):
    """A convolution over all input channels.

    `weights` is [output channels, kernel h, kernel w, input channels].
    """

    builtin: ClassVar[str] = "CONV_2D"
    channel_axis: ClassVar[int] = 0
    constraints: ClassVar[tuple[Constraint, ...]] = (*convolution_constraints(axis=0), ungrouped)

    @property
    def kernel(self) -> tuple[int, int]:
        """Height and width of the kernel, in taps."""
        return self.weights.shape[1], self.weights.shape[2]

    @classmethod
    def read(cls, node: Node) -> Conv2D:
        """Makes the op from an operator whose constraints hold."""
        weights = node.constant(1)
        channels, height, width, _ = weights.shape
        return cls(weights=weights, **read_convolution(node, (height, width), channels))

    def verify(self, graph: Graph) -> list[str]:
        """The invariants of a convolution over all input channels."""
        depth = graph.tensors[self.inputs[0]].rows[2]
        return super().verify(graph) + broken(
            (self.weights.shape[3] == depth, "the weights read all input channels"),
        )
