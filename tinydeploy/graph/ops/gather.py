"""GATHER: elements of one dimension, picked by constant indices."""

from __future__ import annotations

from typing import ClassVar

from tinydeploy.graph.constraints import (
    ACTIVATION_CONSTRAINTS,
    inputs_and_outputs,
)
from tinydeploy.graph.movement import MAX_INDEX, Walk, make_part
from tinydeploy.graph.node import Constraint, Node, read_integers
from tinydeploy.graph.op import TYPES, Op, register_op
from tinydeploy.graph.ops.move import Move, make_move


def indices_constant(node: Node) -> bool:
    """Its axis is one of its input's; its indices are a constant of 0 or 1 dimensions, in range."""
    shape, axis, indices = node.input(0).shape, node.option("Axis"), read_integers(node, 1)
    return (
        -len(shape) <= axis < len(shape)
        and node.option("BatchDims") == 0
        and indices is not None
        and len(indices) > 0
        and len(node.input(1).shape) <= 1
        and min(indices) >= 0
        and max(indices) < min(shape[axis], MAX_INDEX + 1)
    )


def gathered_shape(node: Node) -> bool:
    """Its output has the shape of its input with as many elements in the axis as indices."""
    shape = node.input(0).shape
    axis = node.option("Axis") % len(shape)
    return node.output.shape == shape[:axis] + node.input(1).shape + shape[axis + 1 :]


@register_op("GATHER", types=TYPES)
class Gather(Move):
    """Element i of the dimension is element indices[i] of the input."""

    builtin: ClassVar[str] = "GATHER"
    constraints: ClassVar[tuple[Constraint, ...]] = (
        inputs_and_outputs(2),
        *ACTIVATION_CONSTRAINTS,
        indices_constant,
        gathered_shape,
    )

    @classmethod
    def read(cls, node: Node) -> Op:
        """Makes the op from an operator whose constraints hold."""
        shape, indices = node.input(0).shape, read_integers(node, 1) or ()
        axis = node.option("Axis") % len(shape)
        walks = [[Walk(n, d)] for d, n in enumerate(shape)]
        origin = [0] * len(shape)
        if node.input(1).shape:
            walks[axis] = [Walk(len(indices), axis, indices=indices)]
        else:
            del walks[axis]
            origin[axis] = indices[0]
        part = make_part(0, node.input(0), node.output, walks, origin=origin)
        return make_move(cls, node, [part])
