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
        pieces = [piece for block in blocks for piece in block.pieces]
        counts = [len(block.pieces) for block in blocks]
        self._start = np.cumsum([0, *counts], dtype=np.int64)
        self._offset, self._birth, self._death, self._size = (
            np.array([getattr(piece, name) for piece in pieces], np.int64)
            for name in ("offset", "birth", "death", "size")
        )
        self._lengths = [block.size for block in blocks]
        self._function = _load() if native else None

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
        place = np.zeros(len(self._lengths), np.int64)
        if self._function is None:
            return self._fit_python(order, high, alignment, ceiling, place), place
        arrays = (self._start, self._offset, self._birth, self._death, self._size, order, high)
        pointers = [array.ctypes.data for array in (*arrays, alignment)]
        top = self._function(len(place), *pointers, ceiling, place.ctypes.data)
        if top < 0:
            raise MemoryError
        return int(top), place

    def _fit_python(
        self, order: Ints, high: Ints, alignment: Ints, ceiling: int, place: Ints
    ) -> int:
        """What first_fit.c does, with arrays over the pieces that have a place."""
        birth, death, begin, end = (np.zeros(len(self._size), np.int64) for _ in range(4))
        done = top = 0
        for block in order.tolist():
            first, last = int(self._start[block]), int(self._start[block + 1])
            taken: list[tuple[int, int]] = []
            for piece in range(first, last):
                meets = np.flatnonzero(
                    (birth[:done] < self._death[piece]) & (death[:done] > self._birth[piece])
                )
                begins = begin[meets] - self._offset[piece] - self._size[piece] + 1
                ends = end[meets] - self._offset[piece]
                taken += zip(begins.tolist(), ends.tolist(), strict=True)
            unit = int(alignment[block])
            found = -1
            if high[block]:
                found = _highest(taken, unit, ceiling - self._lengths[block])
            if found < 0:
                found = _lowest(taken, unit)
            place[block] = found
            top = max(top, found + self._lengths[block])
            for piece in range(first, last):
                birth[done], death[done] = self._birth[piece], self._death[piece]
                begin[done] = found + self._offset[piece]
                end[done] = begin[done] + self._size[piece]
                done += 1
        return top


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
