"""AVERAGE_POOL_2D: the mean of the elements under a window."""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar

from tinydeploy.graph.node import Constraint, Node
from tinydeploy.graph.op import register_op
from tinydeploy.graph.pooling import POOLING_CONSTRAINTS, Pooling, read_pooling


@register_op()
@dataclass(frozen=True, eq=False)
class AveragePool2D(Pooling):
    """The rounded mean of the elements under the window, bounded.

    Elements on padding count neither in the sum nor in the count. In C's truncating division:

        mean = sum > 0 ? (sum + count / 2) / count : (sum - count / 2) / count
        output = clamp(mean, low, high)
    """

    builtin: ClassVar[str] = "AVERAGE_POOL_2D"
    constraints: ClassVar[tuple[Constraint, ...]] = POOLING_CONSTRAINTS

    @classmethod
    def read(cls, node: Node) -> AveragePool2D:
        """Makes the op from an operator whose constraints hold."""
        return cls(**read_pooling(node))
