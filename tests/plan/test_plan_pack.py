"""The packer against blocks whose best packing is known."""

from __future__ import annotations

import itertools
import random

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tinydeploy.plan.fit import Fitter
from tinydeploy.plan.lifetimes import Block, Piece, live_bytes
from tinydeploy.plan.pack import pack_blocks


def plain(birth: int, death: int, size: int) -> Block:
    return Block((Piece(0, birth, death, size),), (), None)


def cut_rectangle(pieces: int, seed: int) -> list[Block]:
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
    return [plain(b, d, high - low) for b, d, low, high in todo]


def assert_disjoint(blocks: list[Block], places: tuple[int, ...], size: int) -> None:
    assert all(place >= 0 and place % 4 == 0 for place in places)
    assert all(p + block.size <= size for p, block in zip(places, blocks, strict=True))
    pieces = [
        (place + piece.offset, piece, number)
        for number, (place, block) in enumerate(zip(places, blocks, strict=True))
        for piece in block.pieces
    ]
    for (x, a, i), (y, b, j) in itertools.combinations(pieces, 2):
        if i != j and a.birth < b.death and b.birth < a.death:
            assert x + a.size <= y or y + b.size <= x


@pytest.mark.parametrize("seed", range(5))
@pytest.mark.parametrize(("pieces", "excess"), [(10, 0.0), (25, 0.0), (60, 0.08)])
def test_cut_rectangles_are_put_together_again(pieces: int, excess: float, seed: int) -> None:
    items = cut_rectangle(pieces, seed)
    packing = pack_blocks(items)
    assert_disjoint(items, packing.places, packing.size)
    assert packing.lower_bound == 4096
    assert packing.size <= 4096 * (1 + excess)


def test_a_search_finds_what_first_fit_does_not() -> None:
    both = [
        (pack_blocks(items).size, pack_blocks(items, search=False).size)
        for items in (cut_rectangle(40, seed) for seed in range(8))
    ]
    assert all(searched <= first for searched, first in both)
    assert any(searched < first for searched, first in both)


@pytest.mark.parametrize("seed", range(10))
def test_nets_with_skip_connections_reach_the_bound(seed: int) -> None:
    rng = random.Random(seed)
    items = [
        plain(i, i + 2 + rng.choice((0, 0, 0, 1, 2, 3)), 4 * rng.randrange(1, 2000))
        for i in range(80)
    ]
    items += [plain(i + 1, i + 2, 4 * rng.randrange(1, 300)) for i in range(80)]
    packing = pack_blocks(items)
    assert_disjoint(items, packing.places, packing.size)
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
    items = [plain(b, b + length, 4 * size) for b, length, size in blocks]
    packing = pack_blocks(items)
    assert_disjoint(items, packing.places, packing.size)
    assert max(live_bytes(items, 20)) == packing.lower_bound <= packing.size
    assert packing == pack_blocks(items)


@st.composite
def stairs(draw: st.DrawFn) -> Block:
    """A block of several pieces with lives and sizes of their own."""
    offset, pieces = 0, []
    for _ in range(draw(st.integers(1, 4))):
        birth, size = draw(st.integers(0, 12)), draw(st.integers(1, 30))
        pieces.append(Piece(offset, birth, birth + draw(st.integers(1, 6)), size))
        offset += size
    return Block(tuple(pieces), (), None)


@settings(max_examples=100, deadline=None)
@given(blocks=st.lists(stairs(), min_size=1, max_size=15))
def test_blocks_of_several_pieces_never_overlap(blocks: list[Block]) -> None:
    packing = pack_blocks(blocks)
    assert_disjoint(blocks, packing.places, packing.size)
    assert packing.lower_bound <= packing.size


@settings(max_examples=100, deadline=None)
@given(blocks=st.lists(stairs(), min_size=1, max_size=15), seed=st.integers(0, 2**32))
def test_c_and_python_place_alike(blocks: list[Block], seed: int) -> None:
    rng = np.random.default_rng(seed)
    count = len(blocks)
    order, high = rng.permutation(count), rng.integers(0, 2, count)
    alignment = rng.choice((4, 12, 20), count)
    ceiling = int(rng.integers(0, 200))
    c, python = Fitter(blocks), Fitter(blocks, native=False)
    top, places = c.fit(order, high, alignment, ceiling)
    assert python.fit(order, high, alignment, ceiling)[0] == top
    np.testing.assert_array_equal(python.fit(order, high, alignment, ceiling)[1], places)


def test_nothing_needs_nothing() -> None:
    packing = pack_blocks([])
    assert (packing.places, packing.size, packing.lower_bound) == ((), 0, 0)
