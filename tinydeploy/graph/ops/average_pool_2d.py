"""AVERAGE_POOL_2D: the mean of the elements under a window."""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar

from tinydeploy.graph.node import Node
from tinydeploy.graph.op import register_op
from tinydeploy.graph.pooling import Pooling, read_pooling


@register_op()
@dataclass(frozen=True, eq=False)
class AveragePool2D(Pooling):
    """output = clamp(sum / count rounded, low, high), over the elements of the input under the window.

    Elements on padding count neither in the sum nor in `count`. The rounding, in C's truncating division:
    (sum + count / 2) / count for sum > 0, (sum - count / 2) / count otherwise.
    """

    builtin: ClassVar[str] = "AVERAGE_POOL_2D"

    @classmethod
    def read(cls, node: Node) -> AveragePool2D:
        """Makes the op from an operator whose constraints hold."""
        return cls(**read_pooling(node))
