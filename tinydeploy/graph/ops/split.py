"""SPLIT, SPLIT_V and UNPACK: an input cut along one dimension; each piece is an op of its own."""

from __future__ import annotations

from typing import ClassVar

from tinydeploy.graph.constraints import (
    ACTIVATION_CONSTRAINTS,
    inputs_and_outputs,
    same_quantization,
)
from tinydeploy.graph.movement import Walk, make_part
from tinydeploy.graph.node import Constraint, Node, read_axis, read_integers
from tinydeploy.graph.op import TYPES, Op, register_op
from tinydeploy.graph.ops.move import Move, make_move


def pieces_constant(node: Node) -> bool:
    """Its axis, and the sizes of its pieces, are constants that fit its input and outputs."""
    return _read_pieces(node) is not None


def piece_shape(node: Node) -> bool:
    """Its outputs have the shapes that axis and sizes give."""
    axis, sizes = _read_pieces(node) or (0, ())
    shape = node.input(0).shape
    before, after = shape[:axis], shape[axis + 1 :]
    middle = () if node.builtin == "UNPACK" else (sizes[node.which],)
    return node.output.shape == (*before, *middle, *after)


class Piece(Move):
    """One of the pieces of an input."""

    splits: ClassVar[bool] = True

    @classmethod
    def read(cls, node: Node) -> Op:
        """Makes the op from an operator whose constraints hold."""
        axis, sizes = _read_pieces(node) or (0, ())
        shape = node.input(0).shape
        walks = [[Walk(sizes[node.which] if d == axis else n, d)] for d, n in enumerate(shape)]
        if node.builtin == "UNPACK":
            del walks[axis]
        origin = [sum(sizes[: node.which]) if d == axis else 0 for d in range(len(shape))]
        part = make_part(0, node.input(0), node.output, walks, origin=origin)
        return make_move(cls, node, [part])


def _piece_constraints(inputs: int) -> tuple[Constraint, ...]:
    return (
        inputs_and_outputs(inputs),
        *ACTIVATION_CONSTRAINTS,
        same_quantization,
        pieces_constant,
        piece_shape,
    )


@register_op("SPLIT", types=TYPES)
class Split(Piece):
    """Pieces of equal size."""

    builtin: ClassVar[str] = "SPLIT"
    input_order: ClassVar[tuple[int, ...] | None] = (1, 0)  # the axis comes first in the file
    constraints: ClassVar[tuple[Constraint, ...]] = _piece_constraints(2)


@register_op("SPLIT_V", types=TYPES)
class SplitV(Piece):
    """Pieces of given sizes."""

    builtin: ClassVar[str] = "SPLIT_V"
    constraints: ClassVar[tuple[Constraint, ...]] = _piece_constraints(3)


@register_op("UNPACK", types=TYPES)
class Unpack(Piece):
    """Pieces of one element, without the dimension."""

    builtin: ClassVar[str] = "UNPACK"
    constraints: ClassVar[tuple[Constraint, ...]] = _piece_constraints(1)


def _read_pieces(node: Node) -> tuple[int, tuple[int, ...]] | None:
    """The axis and the sizes of all pieces; None where they are not constant or do not fit."""
    shape = node.input(0).shape
    if node.builtin == "UNPACK":
        axis = node.option("Axis")
    else:
        found = read_axis(node, 1 if node.builtin == "SPLIT" else 2)
        if found is None:
            return None
        axis = found
    if not -len(shape) <= axis < len(shape):
        return None
    axis %= len(shape)
    count = len(node.siblings)
    if node.builtin == "SPLIT_V":
        given = read_integers(node, 1)
        if given is None or len(given) != count or min(given) < -1 or given.count(-1) > 1:
            return None
        rest = shape[axis] - sum(size for size in given if size != -1)
        sizes = tuple(rest if size == -1 else size for size in given)
    elif node.builtin == "UNPACK":
        sizes = (1,) * count
    else:
        sizes = (shape[axis] // count,) * count
    return (axis, sizes) if min(sizes) >= 1 and sum(sizes) == shape[axis] else None
