"""The packer against blocks whose best packing is known."""

from __future__ import annotations

import random

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tinydeploy.plan.lifetimes import Item, live_bytes
from tinydeploy.plan.pack import pack_items


def cut_rectangle(pieces: int, seed: int) -> list[Item]:
    """Cuts a rectangle of time x bytes at random: its height is the best packing, with no slack."""
    rng = random.Random(seed)
    todo = [(0, 2 * pieces, 0, 4096)]
    while len(todo) < pieces:
        birth, death, low, high = todo.pop(rng.randrange(len(todo)))
        if rng.random() < 0.5 and death - birth > 1:
            middle = rng.randrange(birth + 1, death)
            todo += [(birth, middle, low, high), (middle, death, low, high)]
        elif high - low > 4:
            middle = rng.randrange(low // 4 + 1, high // 4) * 4
            todo += [(birth, death, low, middle), (birth, death, middle, high)]
        else:
            todo.append((birth, death, low, high))
    return [Item(i, None, b, d, high - low) for i, (b, d, low, high) in enumerate(todo)]


def assert_disjoint(items: list[Item], offsets: tuple[int, ...], size: int) -> None:
    for i, a in enumerate(items):
        assert offsets[i] >= 0
        assert offsets[i] % 4 == 0
        assert offsets[i] + a.size <= size
        for j, b in enumerate(items[:i]):
            if a.birth < b.death and b.birth < a.death:
                assert offsets[i] + a.size <= offsets[j] or offsets[j] + b.size <= offsets[i]


@pytest.mark.parametrize("seed", range(5))
@pytest.mark.parametrize(("pieces", "excess"), [(10, 0.0), (25, 0.0), (60, 0.04)])
def test_cut_rectangles_are_put_together_again(pieces: int, excess: float, seed: int) -> None:
    items = cut_rectangle(pieces, seed)
    packing = pack_items(items)
    assert_disjoint(items, packing.offsets, packing.size)
    assert packing.lower_bound == 4096
    assert packing.size <= 4096 * (1 + excess)


@pytest.mark.parametrize("seed", range(10))
def test_nets_with_skip_connections_reach_the_bound(seed: int) -> None:
    rng = random.Random(seed)
    items = [
        Item(i, None, i, i + 2 + rng.choice((0, 0, 0, 1, 2, 3)), 4 * rng.randrange(1, 2000))
        for i in range(80)
    ]
    items += [Item(None, i, i + 1, i + 2, 4 * rng.randrange(1, 300)) for i in range(80)]
    packing = pack_items(items)
    assert_disjoint(items, packing.offsets, packing.size)
    assert packing.size == packing.lower_bound


@settings(max_examples=200, deadline=None)
@given(
    st.lists(
        st.tuples(st.integers(0, 12), st.integers(1, 6), st.integers(1, 40)),
        min_size=1,
        max_size=25,
    )
)
def test_random_blocks_never_overlap(blocks: list[tuple[int, int, int]]) -> None:
    items = [Item(i, None, b, b + length, 4 * size) for i, (b, length, size) in enumerate(blocks)]
    packing = pack_items(items)
    assert_disjoint(items, packing.offsets, packing.size)
    assert max(live_bytes(items, 20)) == packing.lower_bound <= packing.size
    assert packing == pack_items(items)


def test_nothing_needs_nothing() -> None:
    packing = pack_items([])
    assert (packing.offsets, packing.size, packing.lower_bound) == ((), 0, 0)
