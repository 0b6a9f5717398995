"""Copies of bytes in another order, as loops over the output that step through an input.

TRANSPOSE, SLICE, SPLIT, TILE, GATHER and others differ only in where each coordinate of the output
leads in the input, and each coordinate leads there by itself: the place of an element is the sum of
what its coordinates contribute. So one class of op, `Move`, and one kernel serve all of them.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Final

import numpy as np
from numpy.typing import NDArray

from tinydeploy.graph.tensor import Tensor

MAX_INDEX: Final = (1 << 16) - 1
"""Kernels keep indices in 16 bits."""

# Rows that are looked at one by one.
_MOST_COUNTED = 1 << 14

Steps = tuple[tuple[int, int], ...]


@dataclass(frozen=True)
class Walk:
    """How a coordinate of the output, or a digit of one, moves through the input.

    Args:
        count: Values that it takes, from 0 on.
        axis: Dimension of the input that it moves along; None where it moves nowhere.
        step: Elements of that dimension from one value to the next.
        indices: One for each value, to be taken in its place; None for the values themselves.
    """

    count: int
    axis: int | None = None
    step: int = 1
    indices: tuple[int, ...] | None = None


@dataclass(frozen=True)
class Level:
    """One loop of a movement, in rows and bytes.

    Args:
        count: Turns of the loop, at least 1.
        row_step: Rows of the input from one turn to the next.
        step: Bytes within a row of the input from one turn to the next.
        out_step: Bytes within a row of the output, or rows of it in loops over rows.
        indices: One for each turn, multiplied by the steps through the input; None: 0, 1, ...
    """

    count: int
    row_step: int
    step: int
    out_step: int
    indices: tuple[int, ...] | None = None

    def reach(self, step: int) -> tuple[int, int]:
        """The least and the most that the loop's turns add, in steps of `step`."""
        turns = (0, self.count - 1) if self.indices is None else self.indices
        ends = min(turns) * step, max(turns) * step
        return min(ends), max(ends)


@dataclass(frozen=True, eq=False)
class Part:
    """A box of the output, filled from one input.

    Args:
        source: Which of the op's inputs is read; None for `constant`.
        constant: int8 [n], one row that is read instead of an input; None for an input.
        first: First row of the output in the box.
        offset: Byte within a row of the output at which the box begins.
        row: Row of the input that the first element comes from.
        column: Byte of that row.
        rows: Loops over the rows of the box, outermost first; their out_steps count rows.
        levels: Loops over the bytes of one row of the box, outermost first.
    """

    source: int | None
    constant: NDArray[np.int8] | None
    first: int
    offset: int
    row: int
    column: int
    rows: tuple[Level, ...]
    levels: tuple[Level, ...]

    @property
    def height(self) -> int:
        """Rows of the box."""
        return math.prod(level.count for level in self.rows)

    @property
    def size(self) -> int:
        """Bytes that the box has."""
        return self.height * math.prod(level.count for level in self.levels)

    def read_rows(self, first: int, last: int) -> tuple[int, int]:
        """Rows of the input that output rows [first, last) read, half-open; (0, 0) for none.

        More of them are said for very many output rows, unless it is all.
        """
        begin, end = max(first - self.first, 0), min(last - self.first, self.height)
        if begin >= end:
            return 0, 0
        levels = self.levels
        rows = np.full(1, self.row)
        if end - begin > _MOST_COUNTED:
            levels = (*self.rows, *levels)
        else:
            place = np.arange(begin, end)
            rows = np.full(len(place), self.row)
            for level in reversed(self.rows):
                place, turn = np.divmod(place, level.count)
                turn = turn if level.indices is None else np.array(level.indices)[turn]
                rows += turn * level.row_step
        within = [level.reach(level.row_step) for level in levels]
        low, high = (sum(ends) for ends in zip(*within, strict=True)) if within else (0, 0)
        return int(rows.min()) + low, int(rows.max()) + high + 1

    def columns(self) -> tuple[int, int]:
        """Bytes within a row of the input between which all lie that are read, half-open."""
        ends = [level.reach(level.step) for level in (*self.rows, *self.levels)]
        low, high = (sum(found) for found in zip(*ends, strict=True)) if ends else (0, 0)
        return self.column + low, self.column + high + 1

    def out_columns(self) -> tuple[int, int]:
        """Bytes within a row of the output between which all lie that are written, half-open."""
        return self.offset, self.offset + 1 + sum(
            (level.count - 1) * level.out_step for level in self.levels
        )


def tensor_steps(shape: Sequence[int], item_bytes: int, *, rows: bool = True) -> Steps:
    """(rows, bytes within a row) from one element to the next, for each dimension of a tensor."""
    steps = [(0, item_bytes * math.prod(shape[d + 1 :])) for d in range(len(shape))]
    if len(shape) == 4 and rows:
        steps[:2] = [(0, 0), (1, 0)]  # the batch is 1
    return tuple(steps)


def make_part(
    source: int | None,
    tensor: Tensor,
    output: Tensor,
    walks: Sequence[Sequence[Walk]],
    *,
    origin: Sequence[int] = (),
    target: Sequence[int] = (),
    apart: bool = False,
) -> Part:
    """Brings a movement given by coordinates into rows and bytes.

    Args:
        source: Which of the op's inputs is read; None for a constant.
        tensor: That input or constant.
        output: The output.
        walks: For each dimension of the output the digits of its coordinate in the box, the most
            significant first; none for a dimension in which the box has one element.
        origin: Coordinates in the input of the box's first element; zeros by default.
        target: Coordinates in the output of the box's first element; zeros by default.
        apart: The loops lead to elements, not to each of their bytes.
    """
    item = tensor.item_bytes
    steps = tensor_steps(tensor.shape, item, rows=source is not None)
    out_steps = tensor_steps(output.shape, output.item_bytes)
    start = [sum(p * s[k] for p, s in zip(origin, steps, strict=False)) for k in (0, 1)]
    place = [sum(p * s[k] for p, s in zip(target, out_steps, strict=False)) for k in (0, 1)]
    rows: list[Level] = []
    levels: list[Level] = []
    for (out_row, out_byte), digits in zip(out_steps, walks, strict=True):
        out = out_row or out_byte
        made: list[Level] = []
        for walk in reversed(digits):
            row_step, step = (0, 0) if walk.axis is None else steps[walk.axis]
            if walk.count > 1 or walk.indices is not None:
                made.append(
                    Level(walk.count, row_step * walk.step, step * walk.step, out, walk.indices)
                )
            out *= walk.count
        (rows if out_row else levels).extend(reversed(made))
    if not apart:
        levels.append(Level(item, 0, 1, 1))
    return Part(
        source,
        None if source is not None else np.ravel(_values(tensor)).view(np.int8),
        place[0],
        place[1],
        start[0],
        start[1],
        merge_levels(rows),
        merge_levels(levels),
    )


def make_levels(tensor: Tensor, walks: Sequence[Walk]) -> tuple[Level, ...]:
    """Loops over some dimensions of a tensor."""
    steps = tensor_steps(tensor.shape, tensor.item_bytes)
    levels = []
    for walk in walks:
        row_step, step = (0, 0) if walk.axis is None else steps[walk.axis]
        levels.append(Level(walk.count, row_step * walk.step, step * walk.step, 0, walk.indices))
    return merge_levels(levels)


def fill_part(value: int, output: Tensor) -> Part:
    """All of the output filled with one value."""
    height, width, channels = output.rows
    item = output.item_bytes
    rows = (Level(height, 0, 0, 1),)
    constant = np.array([value], output.dtype).view(np.int8)
    levels = [Level(width * channels, 0, 0, item), Level(item, 0, 1, 1)]
    if (constant == constant[0]).all():  # 0 above all: one run of equal bytes
        levels, constant = [Level(width * channels * item, 0, 0, 1)], constant[:1]
    return Part(None, constant, 0, 0, 0, 0, merge_levels(rows), merge_levels(levels))


def _values(tensor: Tensor) -> NDArray[np.generic]:
    assert tensor.data is not None  # the caller's constant
    return np.ascontiguousarray(tensor.data)


def merge_levels(levels: Sequence[Level]) -> tuple[Level, ...]:
    """The same loops, with those made one that continue each other."""
    merged: list[Level] = []
    for inner in levels:
        if inner.count == 1 and inner.indices is None:
            continue
        outer = merged[-1] if merged else None
        if (
            outer is not None
            and outer.indices is inner.indices is None
            and outer.row_step == inner.count * inner.row_step
            and outer.step == inner.count * inner.step
            and outer.out_step == inner.count * inner.out_step
        ):
            merged[-1] = replace(inner, count=outer.count * inner.count)
        else:
            merged.append(inner)
    return tuple(merged)


def keeps_order(part: Part, tensor: Tensor, output: Tensor) -> bool:
    """Whether a part copies all bytes of a tensor to an output in the order that they have."""
    row_bytes, out_bytes = tensor.row_bytes, output.row_bytes
    return (
        tensor.size_bytes == output.size_bytes == part.size
        and (part.row, part.column, part.first, part.offset) == (0, 0, 0, 0)
        and all(
            level.indices is None and level.row_step * row_bytes + level.step == out
            for levels, unit in ((part.rows, out_bytes), (part.levels, 1))
            for level, out in ((level, level.out_step * unit) for level in levels)
        )
    )
