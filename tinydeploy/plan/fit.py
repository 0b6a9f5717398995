"""First fit of blocks over time, in C where there is a compiler, else in Python: same results."""

from __future__ import annotations

import ctypes
from collections.abc import Sequence
from functools import cache
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from tinydeploy.native import load_native
from tinydeploy.plan.lifetimes import Block

Ints = NDArray[np.int64]


class Fitter:
    """Places the same blocks again and again, in one order after the other.

    Args:
        blocks: What is to be placed.
        native: Use the C function if it can be had.
    """

    def __init__(self, blocks: Sequence[Block], *, native: bool = True) -> None:
        self._length = np.array([block.size for block in blocks], np.int64)
        self._start, *conflicts = _find_conflicts(blocks)
        self._other, self._begin, self._end = conflicts
        self._function = _load() if native else None

    @property
    def conflicts(self) -> int:
        """Pairs of blocks that meet, counted from both sides."""
        return len(self._other)

    def fit(self, order: Ints, high: Ints, alignment: Ints, ceiling: int) -> tuple[int, Ints]:
        """Places all blocks.

        Args:
            order: int64 [blocks], the blocks' numbers in the order of their turns.
            high: int64 [blocks], not 0 for those that go as high as possible below the ceiling.
            alignment: int64 [blocks], what their places are multiples of.
            ceiling: End of the highest place for those.

        Returns:
            End of the highest block, and the places.
        """
        place = np.full(len(self._length), -1, np.int64)
        if self._function is None:
            return self._fit_python(order, high, alignment, ceiling, place), place
        conflicts = (self._start, self._other, self._begin, self._end, self._length)
        pointers = [array.ctypes.data for array in (*conflicts, order, high, alignment)]
        top = self._function(len(place), *pointers, ceiling, place.ctypes.data)
        if top < 0:
            raise MemoryError
        return int(top), place

    def _fit_python(
        self, order: Ints, high: Ints, alignment: Ints, ceiling: int, place: Ints
    ) -> int:
        """What first_fit.c does."""
        top = 0
        for block in order.tolist():
            conflicts = slice(self._start[block], self._start[block + 1])
            at = place[self._other[conflicts]]
            meets = np.flatnonzero(at >= 0)
            begins = (at + self._begin[conflicts])[meets].tolist()
            ends = (at + self._end[conflicts])[meets].tolist()
            taken = list(zip(begins, ends, strict=True))
            unit, length = int(alignment[block]), int(self._length[block])
            found = _highest(taken, unit, ceiling - length) if high[block] else -1
            if found < 0:
                found = _lowest(taken, unit)
            place[block] = found
            top = max(top, found + length)
        return top


def _find_conflicts(blocks: Sequence[Block]) -> tuple[Ints, Ints, Ints, Ints]:
    """Which places of each block collide with each place of every other one.

    Returns:
        start, int64 [blocks + 1]: block b has the conflicts [start[b], start[b + 1]). Of each: the
        other block's number; begin and end: b may not lie in [its place + begin, its place + end).
    """
    pieces = [piece for block in blocks for piece in block.pieces]
    owner = np.repeat(np.arange(len(blocks)), [len(block.pieces) for block in blocks])
    offset, birth, death, size = (
        np.array([getattr(piece, name) for piece in pieces], np.int64)
        for name in ("offset", "birth", "death", "size")
    )
    meets = (birth[:, None] < death) & (birth < death[:, None]) & (owner[:, None] != owner)
    mine, others = np.nonzero(meets)
    begin = offset[others] - offset[mine] - size[mine] + 1
    end = offset[others] + size[others] - offset[mine]
    # Those of one pair of blocks become one where they overlap.
    pair = owner[mine] * len(blocks) + owner[others]
    turn = np.lexsort((begin, pair))
    pair, begin, end = pair[turn], begin[turn], end[turn]
    span = int(end.max(initial=0) - begin.min(initial=0)) + 1
    reach = np.maximum.accumulate(pair * span + end) - pair * span
    first = np.ones(len(pair), bool)
    first[1:] = (pair[1:] != pair[:-1]) | (begin[1:] > reach[:-1])
    last = np.roll(first, -1)
    start = np.searchsorted(pair[first], np.arange(len(blocks) + 1) * len(blocks))
    return start, pair[first] % len(blocks), begin[first], reach[last]


def _lowest(taken: list[tuple[int, int]], unit: int) -> int:
    """The lowest multiple of `unit` in none of the half-open intervals."""
    place = 0
    for begin, end in sorted(taken):
        if begin > place:
            break
        if end > place:
            place = -(-end // unit) * unit
    return place


def _highest(taken: list[tuple[int, int]], unit: int, start: int) -> int:
    """The highest multiple of `unit` up to `start` in none of them; -1 where there is none."""
    place = -1 if start < 0 else start // unit * unit
    for begin, end in sorted(taken, key=lambda interval: -interval[1]):
        if place < 0 or end <= place:
            break
        if begin <= place:
            place = -1 if begin <= 0 else (begin - 1) // unit * unit
    return place


@cache
def _load() -> Any:
    library = load_native(Path(__file__).with_name("first_fit.c"))
    if library is None:
        return None
    function = library.td_first_fit
    function.restype = ctypes.c_int64
    function.argtypes = [
        ctypes.c_int64,
        *[ctypes.c_void_p] * 8,
        ctypes.c_int64,
        ctypes.c_void_p,
    ]
    return function
