"""CONV_2D: a convolution over all input channels."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, ClassVar

from tinydeploy.graph.convolution import Convolution, convolution_constraints, read_convolution
from tinydeploy.graph.invariants import broken
from tinydeploy.graph.node import Constraint, Node
from tinydeploy.graph.op import register_op
from tinydeploy.graph.ops.grouped_conv_2d import GroupedConv2D

if TYPE_CHECKING:
    from tinydeploy.graph.graph import Graph


def whole_groups(node: Node) -> bool:
    """Its weights read all input channels, or those of one of several equal groups."""
    channels, _, _, depth = node.input(1).shape
    groups, rest = divmod(node.input(0).shape[3], depth)
    return rest == 0 and channels % groups == 0


@register_op()
@dataclass(frozen=True, eq=False)
class Conv2D(Convolution):
    """A convolution over all input channels.

    `weights` is [output channels, kernel h, kernel w, input channels].
    """

    builtin: ClassVar[str] = "CONV_2D"
    channel_axis: ClassVar[int] = 0
    constraints: ClassVar[tuple[Constraint, ...]] = (*convolution_constraints(axis=0), whole_groups)

    @classmethod
    def read(cls, node: Node) -> Convolution:
        """Makes the op from an operator whose constraints hold; a `GroupedConv2D` for groups."""
        weights = node.constant(1)
        channels, height, width, depth = weights.shape
        kind = cls if depth == node.input(0).shape[3] else GroupedConv2D
        return kind(weights=weights, **read_convolution(node, (height, width), channels))

    def verify(self, graph: Graph) -> list[str]:
        """The invariants of a convolution over all input channels."""
        depth = graph.tensors[self.inputs[0]].rows[2]
        return super().verify(graph) + broken(
            (self.weights.shape[3] == depth, "the weights read all input channels"),
        )
