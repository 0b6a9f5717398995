"""MAX_POOL_2D: the largest element under a window."""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar

from tinydeploy.graph.node import Constraint, Node
from tinydeploy.graph.op import register_op
from tinydeploy.graph.pooling import POOLING_CONSTRAINTS, Pooling, read_pooling


@register_op()
@dataclass(frozen=True, eq=False)
class MaxPool2D(Pooling):
    """output = clamp(max(inputs under the window), low, high)."""

    builtin: ClassVar[str] = "MAX_POOL_2D"
    constraints: ClassVar[tuple[Constraint, ...]] = POOLING_CONSTRAINTS

    @classmethod
    def read(cls, node: Node) -> MaxPool2D:
        """Makes the op from an operator whose constraints hold."""
        return cls(**read_pooling(node))
