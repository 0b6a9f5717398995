"""MAX_POOL_2D and AVERAGE_POOL_2D of int16 activations."""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar

from tinydeploy.graph.invariants import is_int16_bounds
from tinydeploy.graph.node import Constraint, Node
from tinydeploy.graph.op import register_op
from tinydeploy.graph.pooling import POOLING_CONSTRAINTS, Pooling, read_pooling


def small_window(node: Node) -> bool:
    """Its windows hold at most 2^15 elements."""
    return node.option("FilterHeight") * node.option("FilterWidth") <= 1 << 15


@register_op("MAX_POOL_2D", "AVERAGE_POOL_2D", types=("int16",))
@dataclass(frozen=True, eq=False)
class Pool2DWide(Pooling):
    """The maximum or the mean of each window, then bounded to [low, high].

    The mean is rounded to the nearest integer, halves away from zero.

    Args:
        function: The operation's name in TFLite's schema.
    """

    builtin: ClassVar[str] = "MAX_POOL_2D"
    constraints: ClassVar[tuple[Constraint, ...]] = (*POOLING_CONSTRAINTS, small_window)

    function: str

    @property
    def kind(self) -> str:
        """The operation's name in TFLite's schema."""
        return self.function

    @property
    def portable_kernel(self) -> str:
        """The kernel of int16."""
        return "pool_2d_s16"

    @property
    def bounded(self) -> bool:
        """Whether the bounds are a range of int16."""
        return is_int16_bounds(self.low, self.high)

    @classmethod
    def read(cls, node: Node) -> Pool2DWide:
        """Makes the op from an operator whose constraints hold."""
        return cls(function=node.builtin, **read_pooling(node))
