"""DEPTHWISE_CONV_2D of int16 activations."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, ClassVar, Final

from tinydeploy.graph.invariants import broken
from tinydeploy.graph.node import Constraint, Node
from tinydeploy.graph.op import register_op
from tinydeploy.graph.ops.depthwise_conv_2d import whole_multiplier
from tinydeploy.graph.wide_convolution import (
    WideConvolution,
    read_wide_convolution,
    wide_convolution_constraints,
)

if TYPE_CHECKING:
    from tinydeploy.graph.graph import Graph

MAX_TAPS: Final = 511
"""So many products of an int8 and an int16 fit in an int32."""


def few_taps(node: Node) -> bool:
    """Its kernel has at most 511 taps."""
    _, height, width, _ = node.input(1).shape
    return height * width <= MAX_TAPS


@register_op(types=("int16",))
@dataclass(frozen=True, eq=False)
class DepthwiseConv2DWide(WideConvolution):
    """A convolution of each input channel by itself.

    `weights` is [1, kernel h, kernel w, output channels]. Output channel c reads input channel
    c // depth_multiplier.
    """

    builtin: ClassVar[str] = "DEPTHWISE_CONV_2D"
    channel_axis: ClassVar[int] = 3
    constraints: ClassVar[tuple[Constraint, ...]] = (
        *wide_convolution_constraints(axis=3),
        whole_multiplier,
        few_taps,
    )

    depth_multiplier: int = 1

    @classmethod
    def read(cls, node: Node) -> DepthwiseConv2DWide:
        """Makes the op from an operator whose constraints hold."""
        multiplier = node.input(1).shape[3] // node.input(0).shape[3]
        return cls(depth_multiplier=multiplier, **read_wide_convolution(node, axis=3))

    def verify(self, graph: Graph) -> list[str]:
        """The invariants of a convolution of each channel by itself."""
        depth = graph.tensors[self.inputs[0]].rows[2]
        return super().verify(graph) + broken(
            (self.weights.shape[0] == 1, "the weights' first dimension is 1"),
            (depth * self.depth_multiplier == self.channels, "the multiplier gives the channels"),
            (self.kernel[0] * self.kernel[1] <= MAX_TAPS, "sums of products fit an int32"),
        )
