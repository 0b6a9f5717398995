"""CONV_2D of groups: each group of output channels reads a group of input channels."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, ClassVar

from tinydeploy.graph.convolution import Convolution
from tinydeploy.graph.invariants import broken

if TYPE_CHECKING:
    from tinydeploy.graph.graph import Graph


@dataclass(frozen=True, eq=False)
class GroupedConv2D(Convolution):
    """A convolution over the input channels of a group; `Conv2D.read` makes it.

    `weights` is [output channels, kernel h, kernel w, input channels / groups]. Of `groups` equal
    groups of output channels, group g reads group g of the input channels.
    """

    builtin: ClassVar[str] = "CONV_2D"
    channel_axis: ClassVar[int] = 0
    takes_pool: ClassVar[bool] = False

    def verify(self, graph: Graph) -> list[str]:
        """The invariants of a convolution over groups of input channels."""
        groups, rest = divmod(graph.tensors[self.inputs[0]].rows[2], self.weights.shape[3])
        return super().verify(graph) + broken(
            (rest == 0 and self.channels % groups == 0, "groups are whole"),
            (self.pool is None, "no pool runs behind it"),
        )
