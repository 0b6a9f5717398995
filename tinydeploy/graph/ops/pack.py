"""PACK: inputs one behind the other along a new dimension."""

from __future__ import annotations

from typing import ClassVar

from tinydeploy.graph.constraints import (
    ACTIVATION_CONSTRAINTS,
    inputs_and_outputs,
    inputs_computed,
    same_quantization,
)
from tinydeploy.graph.movement import Walk, make_part
from tinydeploy.graph.node import Constraint, Node
from tinydeploy.graph.op import Op, register_op
from tinydeploy.graph.ops.move import Move, make_move


def packed_shape(node: Node) -> bool:
    """Its inputs have the shape of its output without its axis, whose size is their number."""
    shape, axis = node.output.shape, node.option("Axis")
    if not -len(shape) <= axis < len(shape):
        return False
    axis %= len(shape)
    inputs = {node.input(which).shape for which in range(len(node.inputs))}
    return inputs == {shape[:axis] + shape[axis + 1 :]} and shape[axis] == len(node.inputs)


@register_op("PACK")
class Pack(Move):
    """Input i is what lies at i along the new dimension."""

    builtin: ClassVar[str] = "PACK"
    constraints: ClassVar[tuple[Constraint, ...]] = (
        inputs_and_outputs(1, 64),
        *ACTIVATION_CONSTRAINTS,
        inputs_computed,
        same_quantization,
        packed_shape,
    )

    @classmethod
    def read(cls, node: Node) -> Op:
        """Makes the op from an operator whose constraints hold."""
        axis = node.option("Axis") % len(node.output.shape)
        parts = []
        for which in range(len(node.inputs)):
            walks = [[Walk(n, d)] for d, n in enumerate(node.input(which).shape)]
            walks.insert(axis, [])
            target = [which if d == axis else 0 for d in range(len(node.output.shape))]
            parts.append(make_part(which, node.input(which), node.output, walks, target=target))
        return make_move(cls, node, parts)
