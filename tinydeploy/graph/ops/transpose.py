"""TRANSPOSE: the dimensions in another order."""

from __future__ import annotations

from typing import ClassVar

from tinydeploy.graph.constraints import (
    ACTIVATION_CONSTRAINTS,
    inputs_and_outputs,
    same_quantization,
)
from tinydeploy.graph.movement import Walk, make_part
from tinydeploy.graph.node import Constraint, Node, read_integers
from tinydeploy.graph.op import TYPES, Op, register_op
from tinydeploy.graph.ops.move import Move, make_move


def permutation(node: Node) -> bool:
    """Its order of dimensions is a constant, and its output has the shape it gives."""
    shape, order = node.input(0).shape, read_integers(node, 1)
    return (
        order is not None
        and sorted(order) == list(range(len(shape)))
        and node.output.shape == tuple(shape[d] for d in order)
    )


@register_op("TRANSPOSE", types=TYPES)
class Transpose(Move):
    """Dimension d of the output is dimension order[d] of the input."""

    builtin: ClassVar[str] = "TRANSPOSE"
    constraints: ClassVar[tuple[Constraint, ...]] = (
        inputs_and_outputs(2),
        *ACTIVATION_CONSTRAINTS,
        same_quantization,
        permutation,
    )

    @classmethod
    def read(cls, node: Node) -> Op:
        """Makes the op from an operator whose constraints hold."""
        order = read_integers(node, 1) or ()
        walks = [[Walk(n, d)] for n, d in zip(node.output.shape, order, strict=True)]
        return make_move(cls, node, [make_part(0, node.input(0), node.output, walks)])
