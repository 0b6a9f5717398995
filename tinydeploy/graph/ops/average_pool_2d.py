"""AVERAGE_POOL_2D: the mean of the elements under a window."""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar, Final

from tinydeploy.graph.node import Constraint, Node
from tinydeploy.graph.op import register_op
from tinydeploy.graph.pooling import POOLING_CONSTRAINTS, Pooling, read_pooling

MAX_COUNT: Final = 1 << 23
"""Elements under a window: 128 times this, and half of it again, fit in an int32."""


def sums_fit(node: Node) -> bool:
    """Its windows hold at most 2^23 elements."""
    _, height, width, _ = node.input(0).shape
    rows, columns = node.option("FilterHeight"), node.option("FilterWidth")
    return min(rows, height) * min(columns, width) <= MAX_COUNT


@register_op()
@dataclass(frozen=True, eq=False)
class AveragePool2D(Pooling):
    """The rounded mean of the elements under the window, bounded.

    Elements on padding count neither in the sum nor in the count. In C's truncating division:

        mean = sum > 0 ? (sum + count / 2) / count : (sum - count / 2) / count
        output = clamp(mean, low, high)
    """

    builtin: ClassVar[str] = "AVERAGE_POOL_2D"
    constraints: ClassVar[tuple[Constraint, ...]] = (*POOLING_CONSTRAINTS, sums_fit)

    @classmethod
    def read(cls, node: Node) -> AveragePool2D:
        """Makes the op from an operator whose constraints hold."""
        return cls(**read_pooling(node))
