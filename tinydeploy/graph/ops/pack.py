"""PACK: inputs one behind the other along a new dimension."""

from __future__ import annotations

from typing import ClassVar

from tinydeploy.graph.constraints import (
    ACTIVATION_CONSTRAINTS,
    constants_alike,
    inputs_and_outputs,
    same_quantization,
    some_input_computed,
)
from tinydeploy.graph.movement import Walk, make_part
from tinydeploy.graph.node import Constraint, Node
from tinydeploy.graph.op import TYPES, Op, register_op
from tinydeploy.graph.ops.move import Move, list_sources, make_move


def packed_shape(node: Node) -> bool:
    """Its inputs have the shape of its output without its axis, whose size is their number."""
    shape, axis = node.output.shape, node.option("Axis")
    if not -len(shape) <= axis < len(shape):
        return False
    axis %= len(shape)
    inputs = {node.input(which).shape for which in range(len(node.inputs))}
    return inputs == {shape[:axis] + shape[axis + 1 :]} and shape[axis] == len(node.inputs)


@register_op("PACK", types=TYPES)
class Pack(Move):
    """Input i is what lies at i along the new dimension."""

    builtin: ClassVar[str] = "PACK"
    constraints: ClassVar[tuple[Constraint, ...]] = (
        inputs_and_outputs(1, 64),
        some_input_computed,
        *ACTIVATION_CONSTRAINTS[1:],
        constants_alike,
        same_quantization,
        packed_shape,
    )

    @classmethod
    def read(cls, node: Node) -> Op:
        """Makes the op from an operator whose constraints hold."""
        axis = node.option("Axis") % len(node.output.shape)
        parts = []
        for which, (source, tensor) in enumerate(list_sources(node)):
            walks = [[Walk(n, d)] for d, n in enumerate(tensor.shape)]
            walks.insert(axis, [])
            target = [which if d == axis else 0 for d in range(len(node.output.shape))]
            parts.append(make_part(source, tensor, node.output, walks, target=target))
        return make_move(cls, node, parts)
