"""SLICE, STRIDED_SLICE and REVERSE_V2: every so many elements of each dimension."""

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

Range = tuple[range, bool]
"""Elements taken of a dimension, and whether the output has that dimension."""


def bounds_constant(node: Node) -> bool:
    """Its beginnings, ends, sizes, strides and axes are constants that fit the input."""
    return _read_ranges(node) is not None


def plain_masks(node: Node) -> bool:
    """It has no ellipsis, no new axis, and its ends are not relative to its beginnings."""
    return not any(node.option(name) for name in ("EllipsisMask", "NewAxisMask", "Offset"))


def sliced_shape(node: Node) -> bool:
    """Its output has the shape that the elements taken give."""
    ranges = _read_ranges(node) or ()
    return node.output.shape == tuple(len(taken) for taken, kept in ranges if kept)


class Slicing(Move):
    """Elements begin, begin + stride, ... of every dimension; dimensions of one may go."""

    @classmethod
    def read(cls, node: Node) -> Op:
        """Makes the op from an operator whose constraints hold."""
        ranges = _read_ranges(node) or ()
        walks = [
            [Walk(len(taken), d, taken.step)] for d, (taken, kept) in enumerate(ranges) if kept
        ]
        origin = [taken.start for taken, _ in ranges]
        part = make_part(0, node.input(0), node.output, walks, origin=origin)
        return make_move(cls, node, [part])


def _slicing_constraints(inputs: int, *more: Constraint) -> tuple[Constraint, ...]:
    return (
        inputs_and_outputs(inputs),
        *ACTIVATION_CONSTRAINTS,
        *more,
        bounds_constant,
        sliced_shape,
    )


@register_op("STRIDED_SLICE", types=TYPES)
class StridedSlice(Slicing):
    """Every so many elements, forwards or backwards."""

    builtin: ClassVar[str] = "STRIDED_SLICE"
    constraints: ClassVar[tuple[Constraint, ...]] = _slicing_constraints(
        4, same_quantization, plain_masks
    )


@register_op("SLICE", types=TYPES)
class Slice(Slicing):
    """A box of neighbouring elements."""

    builtin: ClassVar[str] = "SLICE"
    constraints: ClassVar[tuple[Constraint, ...]] = _slicing_constraints(3, same_quantization)


@register_op("REVERSE_V2", types=TYPES)
class ReverseV2(Slicing):
    """All elements, in some dimensions from the last to the first."""

    builtin: ClassVar[str] = "REVERSE_V2"
    constraints: ClassVar[tuple[Constraint, ...]] = _slicing_constraints(2)


def _read_ranges(node: Node) -> tuple[Range, ...] | None:
    """What is taken of each dimension of the input; None where it is not constant or not there."""
    shape = node.input(0).shape
    numbers = [read_integers(node, which) for which in range(1, len(node.inputs))]
    given = [values for values in numbers if values is not None]
    if len(given) != len(numbers):
        return None
    if node.builtin == "REVERSE_V2":
        ranges = _reversed_ranges(shape, given[0])
    elif any(len(values) != len(shape) for values in given):
        return None
    elif node.builtin == "SLICE":
        ranges = _sized_ranges(shape, given[0], given[1])
    else:
        ranges = _strided_ranges(node, given[0], given[1], given[2])
    return ranges if ranges is not None and all(len(taken) for taken, _ in ranges) else None


def _reversed_ranges(shape: tuple[int, ...], axes: tuple[int, ...]) -> tuple[Range, ...] | None:
    rank = len(shape)
    if not all(-rank <= axis < rank for axis in axes):
        return None
    turned = {axis % rank for axis in axes}
    return tuple(
        (range(n - 1, -1, -1) if d in turned else range(n), True) for d, n in enumerate(shape)
    )


def _sized_ranges(
    shape: tuple[int, ...], begins: tuple[int, ...], sizes: tuple[int, ...]
) -> tuple[Range, ...] | None:
    ranges = []
    for n, begin, size in zip(shape, begins, sizes, strict=True):
        end = n if size == -1 else begin + size
        if not 0 <= begin <= end <= n:
            return None
        ranges.append((range(begin, end), True))
    return tuple(ranges)


def _strided_ranges(
    node: Node, begins: tuple[int, ...], ends: tuple[int, ...], strides: tuple[int, ...]
) -> tuple[Range, ...] | None:
    ranges = []
    for d, n in enumerate(node.input(0).shape):
        if strides[d] == 0:
            return None
        begin = None if node.option("BeginMask") >> d & 1 else begins[d]
        if node.option("ShrinkAxisMask") >> d & 1:
            only = begin or 0
            if not -n <= only < n or strides[d] < 0:
                return None
            ranges.append((range(only % n, only % n + 1), False))
            continue
        end = None if node.option("EndMask") >> d & 1 else ends[d]
        ranges.append((range(*slice(begin, end, strides[d]).indices(n)), True))
    return tuple(ranges)
