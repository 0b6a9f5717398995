"""SUB: the difference of two activations, or of an activation and a constant."""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar

from tinydeploy.graph.node import Constraint, Node
from tinydeploy.graph.op import register_op
from tinydeploy.graph.scaled_sum import SUM_CONSTRAINTS, ScaledSum, read_scaled_sum


@register_op()
@dataclass(frozen=True, eq=False)
class Sub(ScaledSum):
    """A difference: one sign is -1, the first one where the operands changed places."""

    builtin: ClassVar[str] = "SUB"
    constraints: ClassVar[tuple[Constraint, ...]] = SUM_CONSTRAINTS

    @classmethod
    def read(cls, node: Node) -> Sub:
        """Makes the op from an operator whose constraints hold."""
        return cls(**read_scaled_sum(node, (1, -1)))
