"""CONV_2D of int16 activations."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, ClassVar

from tinydeploy.graph.invariants import broken
from tinydeploy.graph.node import Constraint, Node
from tinydeploy.graph.op import register_op
from tinydeploy.graph.wide_convolution import (
    WideConvolution,
    read_wide_convolution,
    wide_convolution_constraints,
)

if TYPE_CHECKING:
    from tinydeploy.graph.graph import Graph


def all_input_channels(node: Node) -> bool:
    """Its weights read all input channels."""
    return node.input(1).shape[3] == node.input(0).shape[3]


@register_op(types=("int16",))
@dataclass(frozen=True, eq=False)
class Conv2DWide(WideConvolution):
    """A convolution over all input channels.

    `weights` is [output channels, kernel h, kernel w, input channels].
    """

    builtin: ClassVar[str] = "CONV_2D"
    channel_axis: ClassVar[int] = 0
    constraints: ClassVar[tuple[Constraint, ...]] = (
        *wide_convolution_constraints(axis=0),
        all_input_channels,
    )

    @classmethod
    def read(cls, node: Node) -> Conv2DWide:
        """Makes the op from an operator whose constraints hold."""
        return cls(**read_wide_convolution(node, axis=0))

    def verify(self, graph: Graph) -> list[str]:
        """The invariants of a convolution over all input channels."""
        depth = graph.tensors[self.inputs[0]].rows[2]
        return super().verify(graph) + broken(
            (self.weights.shape[3] == depth, "the weights read all input channels"),
        )
