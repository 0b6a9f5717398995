"""Gives blocks of bytes their offsets, so that blocks alive at the same moment never overlap.

This is offline dynamic storage allocation: rectangles of fixed life (horizontally) and size are
moved up and down into the lowest strip that holds them all. First fit over several orders finds
most optima; a seeded local search over orders and sides looks for the rest. It stops at the lower
bound, the maximum of live bytes, and is deterministic.
"""

from __future__ import annotations

import random
from collections.abc import Sequence
from dataclasses import dataclass

from tinydeploy.plan.lifetimes import Item, live_bytes

# Upper limit of the search's work, in visits of a neighbouring block (about 0.1 µs each).
_EFFORT = 10_000_000


@dataclass(frozen=True)
class Packing:
    """Offsets of the items, in their order, and the bytes that they need together."""

    offsets: tuple[int, ...]
    size: int
    lower_bound: int


def pack_items(items: Sequence[Item]) -> Packing:
    """Places all items.

    Returns:
        Offsets (multiples of the items' common alignment, as all sizes are), the size of the strip,
        and its lower bound: the maximum over time of the bytes live.
    """
    if not items:
        return Packing((), 0, 0)
    live = live_bytes(items, max(item.death for item in items))
    return _Packer(items, live).run()


class _Packer:
    """The search; its state is an order of the items and the set of those that fall upwards."""

    def __init__(self, items: Sequence[Item], live: Sequence[int]) -> None:
        self.sizes = [item.size for item in items]
        self.bound = max(live)
        self.pressure = [max(live[item.birth : item.death]) for item in items]
        self.items = items
        self.neighbours = [
            [j for j, b in enumerate(items) if j != i and b.birth < a.death and a.birth < b.death]
            for i, a in enumerate(items)
        ]

    def run(self) -> Packing:
        """First fit in every starting order, then the local search from the best."""
        nothing: frozenset[int] = frozenset()
        best = (self.bound + sum(self.sizes), list[int](), nothing, list[int]())
        for order in self.starting_orders():
            for high in (nothing, frozenset(order[::2])):
                offsets, size = self.first_fit(order, high)
                if size < best[0]:
                    best = (size, order, high, offsets)
        size, order, high, offsets = best
        if size > self.bound:
            offsets, size = self.search(size, order, high, offsets)
        return Packing(tuple(offsets), size, self.bound)

    def starting_orders(self) -> list[list[int]]:
        """Orders that tend to work: the items that are hard to place first."""
        items, pressure = self.items, self.pressure
        keys = (
            lambda i: (-items[i].size, items[i].birth),
            lambda i: (-items[i].size * (items[i].death - items[i].birth), items[i].birth),
            lambda i: (items[i].birth - items[i].death, -items[i].size),
            lambda i: (-pressure[i], -items[i].size),
            lambda i: (-pressure[i], items[i].birth),
            lambda i: (items[i].birth, -items[i].size),
            lambda i: (-items[i].death, -items[i].size),
        )
        return [sorted(range(len(items)), key=key) for key in keys]

    def first_fit(self, order: Sequence[int], high: frozenset[int]) -> tuple[list[int], int]:
        """Places each item lowest; those in `high` highest below the bound, if there is room."""
        offsets = [-1] * len(self.sizes)
        top = 0
        for i in order:
            size = self.sizes[i]
            taken = [
                (offsets[j], offsets[j] + self.sizes[j])
                for j in self.neighbours[i]
                if offsets[j] >= 0
            ]
            place = _fit_high(taken, size, self.bound) if i in high else -1
            if place < 0:
                place = _fit_low(taken, size)
            offsets[i] = place
            top = max(top, place + size)
        return offsets, top

    def search(
        self, size: int, order: list[int], high: frozenset[int], offsets: list[int]
    ) -> tuple[list[int], int]:
        """Moves items that stick out over the bound to other turns, or turns their side round."""
        rng = random.Random(0)
        best_size, best_offsets, excess = size, offsets, self.excess(offsets)
        work = len(self.items) + sum(map(len, self.neighbours))
        for _ in range(max(50, min(20_000, _EFFORT // work))):
            new_order, new_high = self.mutate(rng, order, high, offsets)
            new_offsets, new_size = self.first_fit(new_order, new_high)
            new_excess = self.excess(new_offsets)
            # A worse state now and then is the way out of a local minimum.
            if new_excess > excess and rng.random() >= 0.002:
                continue
            order, high, offsets, excess = new_order, new_high, new_offsets, new_excess
            if new_size < best_size:
                best_size, best_offsets = new_size, new_offsets
                if best_size == self.bound:
                    break
        return best_offsets, best_size

    def mutate(
        self, rng: random.Random, order: list[int], high: frozenset[int], offsets: list[int]
    ) -> tuple[list[int], frozenset[int]]:
        """One to three changes, most of them to items that stick out."""
        culprits = [i for i in order if offsets[i] + self.sizes[i] > self.bound]
        new_order = list(order)
        for _ in range(rng.choice((1, 1, 2, 3))):
            chosen = rng.choice(culprits if culprits and rng.random() < 0.6 else order)
            if rng.random() < 0.4:
                high ^= {chosen}
            else:
                new_order.remove(chosen)
                new_order.insert(rng.choice((0, rng.randrange(len(order)))), chosen)
        return new_order, high

    def excess(self, offsets: Sequence[int]) -> int:
        """Bytes over the bound, summed over items: what the search makes smaller."""
        ends = (offset + size for offset, size in zip(offsets, self.sizes, strict=True))
        return sum(end - self.bound for end in ends if end > self.bound)


def _fit_low(taken: list[tuple[int, int]], size: int) -> int:
    """The lowest offset at which `size` bytes lie between the half-open intervals taken."""
    taken.sort()
    place = 0
    for begin, end in taken:
        if begin - place >= size:
            break
        place = max(place, end)
    return place


def _fit_high(taken: list[tuple[int, int]], size: int, ceiling: int) -> int:
    """The highest offset below `ceiling`, or a negative number where none is left."""
    taken.sort(key=lambda interval: -interval[1])
    place = ceiling - size
    for begin, end in taken:
        if end <= place:
            break
        place = min(place, begin - size)
    return place
