"""From when to when each row and each scratch is needed, and which of them lie together.

Time is counted in moments: at moment 0 the host writes the inputs, moment i + 1 is event i, and at
the last moment the host reads the outputs. All lives are half-open: [birth, death).
"""

from __future__ import annotations

from collections.abc import Collection, Sequence
from dataclasses import dataclass
from itertools import pairwise

import numpy as np
from numpy.typing import NDArray

from tinydeploy.plan.kernel import Kernel
from tinydeploy.plan.net import Net, Store, round_up
from tinydeploy.plan.schedule import Event


@dataclass(frozen=True)
class Piece:
    """Bytes of a block that have one life.

    Args:
        offset: Bytes from the block's start.
        birth: First moment at which they are needed.
        death: Moment behind the last one.
        size: Number of bytes.
    """

    offset: int
    birth: int
    death: int
    size: int


@dataclass(frozen=True)
class Place:
    """Where a row lies in a block: row `row` of store `store` begins at `offset`."""

    store: int
    row: int
    offset: int


@dataclass(frozen=True)
class Block:
    """Pieces at fixed distances from one another, of which one offset is to be found.

    Args:
        pieces: Its bytes over time.
        places: The rows in it; empty for scratch.
        node: The node whose scratch it is; None for rows.
    """

    pieces: tuple[Piece, ...]
    places: tuple[Place, ...]
    node: int | None

    @property
    def size(self) -> int:
        """Bytes from its start to the end of its last piece."""
        return max(piece.offset + piece.size for piece in self.pieces)

    @property
    def birth(self) -> int:
        """First moment at which any of it is needed."""
        return min(piece.birth for piece in self.pieces)

    @property
    def death(self) -> int:
        """Moment behind the last one."""
        return max(piece.death for piece in self.pieces)


@dataclass(frozen=True, eq=False)
class Lives:
    """Births and deaths of the rows of one store, int64 [height] each."""

    births: NDArray[np.int64]
    deaths: NDArray[np.int64]


def find_lives(net: Net, events: Sequence[Event]) -> dict[int, Lives]:
    """A row lives from the event that makes it to the last event that reads it.

    Inputs live from moment 0, outputs to the end; what nobody reads lives for one moment.
    """
    end = len(events) + 2
    lives = {
        store.tensor: Lives(np.zeros(store.height, np.int64), np.ones(store.height, np.int64))
        for store in net.stores.values()
    }
    for moment, event in enumerate(events, start=1):
        node = net.nodes[event.node]
        for read in node.reads:
            begin, stop = read.rows(event.first, event.last)
            lives[read.store].deaths[begin:stop] = moment + 1
        first, last = made_by(net, event)
        for made in node.makes:
            lives[made].births[first:last] = moment
            lives[made].deaths[first:last] = moment + 1
    for store in net.stores.values():
        if store.death == len(net.nodes):
            lives[store.tensor].deaths[:] = end
    return lives


def made_by(net: Net, event: Event) -> tuple[int, int]:
    """Rows that are complete after an event."""
    node = net.nodes[event.node]
    if node.accumulates:
        return (0, 1) if event.last == node.rows else (0, 0)
    return event.first, event.last


def find_blocks(
    net: Net,
    kernels: Sequence[Kernel],
    events: Sequence[Event],
    joined: Collection[int] = (),
    whole: Collection[int] = (),
) -> tuple[Block, ...]:
    """Everything that has to lie somewhere.

    Rows of a store lie together where they must (`Store.whole`) and where all have one life; so do
    neighbours of one life in the stores in `joined`. Else each has a place of its own. Working
    memory is placed once per op, and needed only while the op runs.

    Args:
        net: The net.
        kernels: The kernel of each node.
        events: The schedule.
        joined: Stores whose rows of one life lie one behind the other.
        whole: Stores whose rows all do.
    """
    lives = find_lives(net, events)
    blocks: list[Block] = []
    for store in net.stores.values():
        life = lives[store.tensor]
        lie_together = store.whole or store.tensor in whole
        lie_together |= len(_changes(life.births, life.deaths)) <= 2
        if lie_together:
            ends = [0, store.height]
        elif store.tensor in joined:
            ends = _changes(life.births, life.deaths)
        else:
            ends = list(range(store.height + 1))
        pitch = store.row_bytes if lie_together else store.step
        blocks += [_block(store, life, pitch, first, last) for first, last in pairwise(ends)]
    return (*blocks, *_scratch_blocks(net, kernels, events))


def _changes(*values: NDArray[np.int64]) -> list[int]:
    """Where runs of equal entries begin, and the end."""
    differ = np.any([np.diff(v) != 0 for v in values], axis=0)
    return [0, *(np.flatnonzero(differ) + 1).tolist(), len(values[0])]


def _block(store: Store, life: Lives, size: int, first: int, last: int) -> Block:
    """Rows [first, last), each of `size` bytes; neighbours of one life make one piece."""
    births, deaths = life.births[first:last], life.deaths[first:last]
    pieces = [
        Piece(begin * size, int(births[begin]), int(deaths[begin]), (end - begin) * size)
        for begin, end in pairwise(_changes(births, deaths))
    ]
    places = [Place(store.tensor, row, (row - first) * size) for row in range(first, last)]
    return Block(tuple(pieces), tuple(places), None)


def _scratch_blocks(net: Net, kernels: Sequence[Kernel], events: Sequence[Event]) -> list[Block]:
    moments: dict[int, list[int]] = {}
    for moment, event in enumerate(events, start=1):
        if kernels[event.node].scratch_bytes:
            moments.setdefault(event.node, []).append(moment)
    blocks = []
    for number, found in moments.items():
        kernel = kernels[number]
        lives = [(found[0], found[-1] + 1)] if kernel.accumulates else _runs(found)
        size = round_up(kernel.scratch_bytes)
        pieces = tuple(Piece(0, birth, death, size) for birth, death in lives)
        blocks.append(Block(pieces, (), number))
    return blocks


def _runs(moments: Sequence[int]) -> list[tuple[int, int]]:
    """Half-open runs of consecutive moments."""
    runs: list[tuple[int, int]] = []
    for moment in moments:
        if runs and runs[-1][1] == moment:
            runs[-1] = runs[-1][0], moment + 1
        else:
            runs.append((moment, moment + 1))
    return runs


def live_bytes(blocks: Sequence[Block], moments: int) -> list[int]:
    """Bytes that are live at each moment of [0, moments)."""
    change = [0] * (moments + 1)
    for block in blocks:
        for piece in block.pieces:
            change[piece.birth] += piece.size
            change[piece.death] -= piece.size
    live, total = [], 0
    for delta in change[:moments]:
        total += delta
        live.append(total)
    return live
