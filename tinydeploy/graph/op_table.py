"""Which op reads an operator, by the type of its activations, and the rules that then hold."""

from __future__ import annotations

from collections.abc import Iterable, Mapping

from tinydeploy.graph.constraints import activations_int8, activations_int16
from tinydeploy.graph.elementwise import constants_int8, constants_int16
from tinydeploy.graph.node import Constraint
from tinydeploy.graph.op import Op
from tinydeploy.graph.ops import OPS, WIDE_OPS
from tinydeploy.graph.tensor import Tensor

_WIDE: Mapping[Constraint, Constraint] = {
    activations_int8: activations_int16,
    constants_int8: constants_int16,
}


def find_op(builtin: str, dtype: str) -> type[Op] | None:
    """The class that reads an operator with activations of a type; None where there is none."""
    return (WIDE_OPS if dtype == "int16" else OPS).get(builtin)


def list_constraints(op: type[Op], dtype: str) -> tuple[Constraint, ...]:
    """What must hold of an operator that the op reads, in an order to check it in."""
    if dtype == "int8":
        return op.constraints
    return tuple(_WIDE.get(constraint, constraint) for constraint in op.constraints)


def activation_type(tensors: Iterable[Tensor]) -> str:
    """int16 where any of an operator's inputs and outputs is an activation of that, else int8."""
    wide = any(t.dtype == "int16" and t.data is None and not t.variable for t in tensors)
    return "int16" if wide else "int8"
