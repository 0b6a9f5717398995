"""TILE and BROADCAST_TO: dimensions repeated."""

from __future__ import annotations

from typing import ClassVar

from tinydeploy.graph.constraints import (
    ACTIVATION_CONSTRAINTS,
    inputs_and_outputs,
)
from tinydeploy.graph.movement import Walk, make_part
from tinydeploy.graph.node import Constraint, Node
from tinydeploy.graph.op import TYPES, Op, register_op
from tinydeploy.graph.ops.move import Move, make_move


def repeated_shape(node: Node) -> bool:
    """Its output's sizes are whole multiples of its input's; BROADCAST_TO repeats sizes of 1."""
    shape = _aligned(node)
    return shape is not None and all(
        new % old == 0 and (node.builtin == "TILE" or old in (1, new))
        for old, new in zip(shape, node.output.shape, strict=True)
    )


@register_op("TILE", "BROADCAST_TO", types=TYPES)
class Tile(Move):
    """Element i of a dimension is element i modulo its size in the input."""

    builtin: ClassVar[str] = "TILE"
    input_order: ClassVar[tuple[int, ...] | None] = (0,)  # the shapes say the rest
    constraints: ClassVar[tuple[Constraint, ...]] = (
        inputs_and_outputs(1),
        *ACTIVATION_CONSTRAINTS,
        repeated_shape,
    )

    @classmethod
    def read(cls, node: Node) -> Op:
        """Makes the op from an operator whose constraints hold."""
        output = node.output.shape
        added = len(output) - len(node.input(0).shape)
        walks = [
            [Walk(new // old), Walk(old, d - added if d >= added else None)]
            for d, (old, new) in enumerate(zip(_aligned(node) or (), output, strict=True))
        ]
        return make_move(cls, node, [make_part(0, node.input(0), node.output, walks)])


def _aligned(node: Node) -> tuple[int, ...] | None:
    """The input's shape with ones put in front, of the output's rank; None if it is longer."""
    shape, rank = node.input(0).shape, len(node.output.shape)
    if len(shape) > rank or (node.builtin == "TILE" and len(shape) != rank):
        return None
    return (1,) * (rank - len(shape)) + shape
