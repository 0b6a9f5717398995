"""From when to when each row and each scratch is needed, and which of them lie together.

Time is counted in moments: at moment 0 the host writes the inputs (unless it pushes their rows in
events of their own), moment i + 1 is event i, and at the last moment the host reads the outputs.
All lives are half-open: [birth, death).
"""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray

from tinydeploy.plan.kernel import Kernel
from tinydeploy.plan.net import Net, Node, round_up
from tinydeploy.plan.overlay import Overlay
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


Row = tuple[int, int]
"""A store and the number of a row."""


@dataclass(frozen=True)
class Chain:
    """Rows that have one place, one after the other, needed from birth to death."""

    members: tuple[Row, ...]
    birth: int
    death: int

    @property
    def in_turn(self) -> bool:
        """Whether all are rows of one number."""
        return len({row for _, row in self.members}) == 1

    def continues_in(self, other: Chain) -> bool:
        """Whether the other chain has the next rows of the same stores, and the same life."""
        return (self.birth, self.death) == (other.birth, other.death) and other.members == tuple(
            (store, row + 1) for store, row in self.members
        )


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


def best_overlay(
    net: Net,
    node: Node,
    births: Mapping[int, NDArray[np.int64]],
    deaths: Mapping[int, NDArray[np.int64]],
) -> tuple[Overlay, NDArray[np.int64]] | None:
    """The overlay of a node by which most of its rows take the place of others.

    Args:
        net: The net.
        node: The node.
        births: Moments at which rows are made, by store; int64 [height].
        deaths: Moments at which they are read last.

    Returns:
        The overlay and the moments at which rows take the place of others; None if there is none.
    """
    best = None
    for overlay in node.overlays:
        below, above = net.stores[overlay.tensor], net.stores[node.makes[0]]
        # The host's rows lie where it expects them; others may give way to their last reader.
        if below.whole or above.whole or below.death != above.birth:
            continue
        made = births[above.tensor][overlay.shift :]
        moments = made[made == deaths[below.tensor][: below.height - overlay.shift]]
        if len(moments) and (best is None or len(moments) > len(best[1])):
            best = overlay, moments
    return best


def find_blocks(
    net: Net,
    kernels: Sequence[Kernel],
    events: Sequence[Event],
    overlaid: Collection[int] = (),
    whole: Collection[int] = (),
    *,
    joined: bool = False,
) -> tuple[Block, ...]:
    """Everything that has to lie somewhere.

    Rows of a store lie together where they must (`Store.whole`) and where all have one life. Else
    each has a place of its own. Rows that take the place of others, one after the other, have one
    place. Working memory is placed once per op, and needed only while the op runs.

    Args:
        net: The net.
        kernels: The kernel of each node.
        events: The schedule.
        overlaid: Nodes whose output rows take the place of input rows where they may.
        whole: Stores whose rows all lie one behind the other; none that `overlaid` has to do with.
        joined: Neighbours of one life lie one behind the other, too: a kernel takes them as one
            long row.
    """
    lives = find_lives(net, events)
    follow = _find_followers(net, lives, overlaid)
    followers = set(follow.values())
    blocks: list[Block] = []
    for store in net.stores.values():
        if store.outside:
            continue
        rows = [(store.tensor, row) for row in range(store.height)]
        chains = [_chain(lives, follow, row) for row in rows if row not in followers]
        runs = _find_runs(chains, whole=store.whole or store.tensor in whole)
        if len(runs) > 1 and not joined:
            runs = [[chain] for chain in chains]
        # Without gaps only where all rows of all stores that are here lie in turn: others have
        # tables, which count in words.
        in_turn = len(runs) == 1 and len(chains) == store.height and chains[0].in_turn
        pitch = store.row_bytes if in_turn else store.step
        blocks += [_block(run, pitch) for run in runs]
    return (*blocks, *scratch_blocks(net, kernels, events))


def _find_followers(
    net: Net, lives: Mapping[int, Lives], overlaid: Collection[int]
) -> dict[Row, Row]:
    """The row that takes a row's place."""
    births = {store: life.births for store, life in lives.items()}
    last_reads = {store: life.deaths - 1 for store, life in lives.items()}
    follow: dict[Row, Row] = {}
    for number in overlaid:
        node = net.nodes[number]
        found = best_overlay(net, node, births, last_reads)
        if found is None:
            continue
        below, above, shift = found[0].tensor, node.makes[0], found[0].shift
        for row in range(net.stores[above].height - shift):
            if last_reads[below][row] == births[above][row + shift]:
                follow[below, row] = above, row + shift
    return follow


def _chain(lives: Mapping[int, Lives], follow: Mapping[Row, Row], row: Row) -> Chain:
    """A row and those that take its place, one after the other."""
    members = [row]
    while members[-1] in follow:
        members.append(follow[members[-1]])
    last, number = members[-1]
    return Chain(tuple(members), int(lives[row[0]].births[row[1]]), int(lives[last].deaths[number]))


def _find_runs(chains: Sequence[Chain], *, whole: bool) -> list[list[Chain]]:
    """Cuts the chains that begin in a store into those that lie one behind the other."""
    runs: list[list[Chain]] = []
    for chain in chains:
        if runs and (whole or runs[-1][-1].continues_in(chain)):
            runs[-1].append(chain)
        else:
            runs.append([chain])
    return runs


def _block(run: Sequence[Chain], pitch: int) -> Block:
    """Chains at a pitch; neighbours of one life make one piece."""
    pieces: list[Piece] = []
    for number, chain in enumerate(run):
        last = pieces[-1] if pieces else None
        if last is not None and (last.birth, last.death) == (chain.birth, chain.death):
            pieces[-1] = replace(last, size=last.size + pitch)
        else:
            pieces.append(Piece(number * pitch, chain.birth, chain.death, pitch))
    places = [
        Place(store, row, number * pitch)
        for number, chain in enumerate(run)
        for store, row in chain.members
    ]
    return Block(tuple(pieces), tuple(places), None)


def scratch_blocks(net: Net, kernels: Sequence[Kernel], events: Sequence[Event]) -> list[Block]:
    """Working memory, by node in the order of first calls."""
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
