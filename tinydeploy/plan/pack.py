"""Gives blocks their places, so that pieces alive at the same moment never overlap.

This is offline dynamic storage allocation: rectangles of fixed life (horizontally) and size are
moved up and down into the lowest strip that holds them all. First fit over several orders finds
most optima; a seeded local search over orders and sides looks for the rest. Blocks go up from the
bottom or down from a ceiling: the lower bound, the maximum of live bytes, and where that is not
reached, heights between it and the best so far. All is deterministic.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from tinydeploy.plan.fit import Fitter, Ints
from tinydeploy.plan.lifetimes import Block, live_bytes
from tinydeploy.plan.net import ALIGNMENT, round_up

# Heights that are aimed at, from the bound to what was reached without.
_AIMS = (0.3, 0.4, 0.5, 0.6, 0.7, 0.8, 0.9)
# Limits of one local search: tries in all, for each block, without any gain; and conflicts of
# blocks looked at, which are what time is spent on.
_MOST_TRIES = 1500
_TRIES_PER_BLOCK = 16
_PATIENCE = 400
_MOST_CONFLICTS = 6_000_000


@dataclass(frozen=True)
class Packing:
    """Places of the blocks, in their order, and the bytes that they need together."""

    places: tuple[int, ...]
    size: int
    lower_bound: int


@dataclass(frozen=True, eq=False)
class _State:
    """A point of the search: turns, blocks that go high, alignments; what comes of it."""

    order: Ints
    high: Ints
    alignment: Ints
    size: int
    places: Ints
    excess: int


def pack_blocks(blocks: Sequence[Block], *, search: bool = True, native: bool = True) -> Packing:
    """Places all blocks.

    Args:
        blocks: What is to be placed.
        search: Look further than first fit in several orders.
        native: Use the C function if it can be had.

    Returns:
        Places, multiples of ALIGNMENT; the size of the strip, and its lower bound: the maximum over
        time of the bytes live, rounded up.
    """
    if not blocks:
        return Packing((), 0, 0)
    live = live_bytes(blocks, max(block.death for block in blocks))
    packer = _Packer(blocks, live, native=native)
    state = packer.run() if search else packer.start()
    return Packing(tuple(state.places.tolist()), round_up(state.size), round_up(max(live)))


class _Packer:
    def __init__(self, blocks: Sequence[Block], live: Sequence[int], *, native: bool) -> None:
        self._blocks = blocks
        self._bound = round_up(max(live))
        self._fitter = Fitter(blocks, native=native)
        self._size = np.array([block.size for block in blocks], np.int64)
        self._birth = np.array([block.birth for block in blocks], np.int64)
        self._death = np.array([block.death for block in blocks], np.int64)
        self._area = np.array(
            [sum(p.size * (p.death - p.birth) for p in block.pieces) for block in blocks], np.int64
        )
        self._pressure = np.array(
            [max(live[block.birth : block.death]) for block in blocks], np.int64
        )
        self._rigid = np.array([len(block.pieces) > 1 for block in blocks])
        self._aim = self._bound
        affordable = _MOST_CONFLICTS // max(self._fitter.conflicts, 1)
        self._tries = min(_MOST_TRIES, _TRIES_PER_BLOCK * len(blocks), affordable)

    def run(self) -> _State:
        """The best state; its size is the bound, or aiming at less than it did not help."""
        best = self._search(self.start())
        reached = best.size
        for part in _AIMS:
            self._aim = round_up(self._bound + int(part * (reached - self._bound)))
            if self._aim >= best.size:
                break
            best = min(best, self._search(self.start()), key=lambda state: state.size)
        return best

    def start(self) -> _State:
        """First fit in every starting order."""
        count = len(self._blocks)
        low, odd = np.zeros(count, np.int64), np.arange(count) % 2
        coarse = np.full(count, ALIGNMENT, np.int64)
        # Slots of one size for rows of one size: less room is lost between them.
        own = np.where(self._rigid, ALIGNMENT, np.maximum(-(-self._size // 4) * 4, ALIGNMENT))
        best: _State | None = None
        for alignment in (coarse, own):
            for high in (low, self._rigid.astype(np.int64), odd):
                for order in self._starting_orders():
                    state = self._place(order, high, alignment)
                    if best is None or (state.size, state.excess) < (best.size, best.excess):
                        best = state
                    if best.size <= self._aim:
                        return best
        assert best is not None
        return best

    def _starting_orders(self) -> list[Ints]:
        """Orders that tend to work: the blocks that are hard to place first."""
        small, late = -self._size, self._death
        last = ~self._rigid
        keys = (
            (small, self._birth, last),
            (-late, self._birth, last),
            (-late, self._birth),
            (small, self._birth),
            (-self._area, last),
            (self._birth - late, small, last),
            (self._birth - late, small),
            (self._birth, small),
            (small, -self._pressure, last),
            (self._birth, -self._pressure, last),
            (small, -late, last),
        )
        return [np.lexsort(key) for key in keys]

    def _place(self, order: Ints, high: Ints, alignment: Ints) -> _State:
        size, places = self._fitter.fit(order, high, alignment, self._aim)
        excess = int(np.maximum(places + self._size - self._aim, 0).sum())
        return _State(order, high, alignment, size, places, excess)

    def _search(self, state: _State) -> _State:
        """Moves blocks that stick out over the aim to other turns, or turns their side round."""
        rng = np.random.default_rng(0)
        best, gained = state, 0
        for turn in range(self._tries):
            if best.size <= self._aim or turn - gained > _PATIENCE:
                break
            new = self._place(*self._mutate(rng, state))
            if (new.size, new.excess) < (best.size, best.excess):
                best, gained = new, turn
            # A worse state now and then is the way out of a local minimum.
            if new.excess <= state.excess or rng.random() < 0.005:
                state = new
        return best

    def _mutate(self, rng: np.random.Generator, state: _State) -> tuple[Ints, Ints, Ints]:
        """One to three changes, most of them to blocks that stick out."""
        order, high, alignment = state.order, state.high, state.alignment
        culprits = np.flatnonzero(state.places + self._size > self._aim)
        for _ in range(int(rng.choice((1, 1, 2, 3)))):
            pool = culprits if len(culprits) and rng.random() < 0.7 else order
            kind = rng.random()
            if kind < 0.25:  # several at once to the front
                chosen = rng.choice(pool, min(len(pool), int(rng.choice((1, 3, 10, 100)))), False)
                moved = np.isin(order, chosen)
                order = np.concatenate([order[moved], order[~moved]])
            elif kind < 0.5:  # one anywhere
                block = int(rng.choice(pool))
                rest = order[order != block]
                turn = int(rng.integers(len(order)))
                order = np.concatenate([rest[:turn], [block], rest[turn:]])
            else:
                of_store = self._neighbours(int(rng.choice(pool)), whole=rng.random() < 0.5)
                if kind < 0.8:
                    high = high.copy()
                    high[of_store] ^= 1
                else:
                    alignment = alignment.copy()
                    own = np.maximum(-(-self._size[of_store] // 4) * 4, ALIGNMENT)
                    coarse = alignment[of_store] != ALIGNMENT
                    alignment[of_store] = np.where(coarse, ALIGNMENT, own)
        return order, high, alignment

    def _neighbours(self, block: int, *, whole: bool) -> list[int]:
        """A block, or all blocks of its store."""
        places = self._blocks[block].places
        if not whole or not places:
            return [block]
        return [
            number
            for number, other in enumerate(self._blocks)
            if other.places and other.places[0].store == places[0].store
        ]
