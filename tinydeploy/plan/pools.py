"""Lays blocks out in the memories of a board: one that holds all, or several at once.

A unit is what has to stay together: the scratch of an op; the rows of a tensor, with those of all
tensors whose rows take their places. Units are hot when their bytes are used often. What is hot
goes to memories that come first in the board file, the fastest, where

* one memory holds everything, but there are faster ones: as far as all arenas together do not
  grow, or only by as much as speed is worth;
* no memory alone holds everything: into the first that still has room.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from tinydeploy.board import Board
from tinydeploy.graph.graph import Graph
from tinydeploy.plan.kernel import Optimize
from tinydeploy.plan.lifetimes import Block
from tinydeploy.plan.net import ALIGNMENT, Net
from tinydeploy.plan.pack import Packing, pack_blocks
from tinydeploy.plan.plan import Arena
from tinydeploy.plan.schedule import Event

Ints = NDArray[np.int64]

# What all arenas together may have, relative to one arena, so that hot bytes lie in fast memory.
_MOST_GROWTH: dict[Optimize, float] = {"speed": 1.5, "balanced": 1.0, "ram": 1.0, "flash": 1.0}
_MOST_GROWTH_OUTSIDE = 1.5  # where that is external memory, of which there is much, and slow
# Sizes of an arena for hot bytes that are tried: from the room down, each by this factor smaller,
# to the least that is worth an arena.
_NEXT_ARENA, _LEAST_ARENA = 0.97, 256
# Attempts at places within the rooms, each with less live bytes in memories that were too small.
_MOST_TRIES = 8


@dataclass(frozen=True)
class Rooms:
    """Bytes that an arena may have in each memory, the fastest first, and that all may have."""

    by_memory: Mapping[str, int]
    total: int


@dataclass(frozen=True)
class Layout:
    """Where blocks lie.

    Args:
        memories: Of each block.
        places: Of each block: bytes from the start of the arena in its memory.
        arenas: One per memory used.
    """

    memories: tuple[str, ...]
    places: tuple[int, ...]
    arenas: tuple[Arena, ...]

    @property
    def size(self) -> int:
        """Bytes of all arenas."""
        return sum(arena.size for arena in self.arenas)


@dataclass(frozen=True, eq=False)
class Unit:
    """Blocks that lie in one memory.

    Args:
        blocks: Their numbers.
        heat: Bytes read and written in an inference, per byte occupied at most.
        live: Bytes that are live at each moment.
    """

    blocks: tuple[int, ...]
    heat: float
    live: Ints


def lay_out_in_one(packing: Packing, rooms: Mapping[str, int]) -> Layout | None:
    """Puts all blocks where they are packed, into the first memory that has room."""
    memory = next((name for name, room in rooms.items() if packing.size <= room), None)
    if memory is None:
        return None
    names = (memory,) * len(packing.places)
    return Layout(names, packing.places, (Arena(memory, packing.size),))


def find_units(
    graph: Graph, net: Net, events: Sequence[Event], blocks: Sequence[Block]
) -> list[Unit]:
    """The units of a schedule, the hottest first.

    Kernels widen weights and rows into their scratch and multiply from there: they read it about
    once per multiplication, and rows once per call.
    """
    rows_used = _count_row_bytes(net, events)
    scratch = {b.node: (n,) for n, b in enumerate(blocks) if b.node is not None}
    units = [
        _make_unit(numbers, graph.ops[net.nodes[node].op].macs(graph), events, blocks)
        for node, numbers in scratch.items()
    ]
    for stores, numbers in _group_rows(blocks):
        used = sum(rows_used[store] for store in stores)
        units.append(_make_unit(numbers, used, events, blocks))
    return sorted(units, key=lambda unit: (-unit.heat, unit.blocks))


def spread_for_speed(
    units: Sequence[Unit],
    blocks: Sequence[Block],
    one: Layout,
    rooms: Mapping[str, int],
    most: int,
) -> Layout:
    """Moves hot units out of a memory that holds everything into faster ones.

    Args:
        units: The hottest first.
        blocks: All blocks.
        one: Everything in one memory.
        rooms: Bytes that an arena may have, by memory, the fastest first.
        most: Bytes that all arenas may have.

    Returns:
        The new layout; the old one where nothing can move.
    """
    home = one.arenas[0].memory
    faster = list(rooms)[: list(rooms).index(home)]
    limit = most
    for _ in range(_MOST_TRIES):
        groups, staying, left = {}, list(units), limit
        for memory in faster:
            moving = _choose_moving(staying, rooms[memory], left)
            staying = [unit for unit in staying if unit not in moving]
            left -= _most_live(moving)
            groups[memory] = moving
        if len(staying) == len(units):
            break
        layout = _pack_groups(groups | {home: staying}, blocks)
        if not _excess(layout, rooms) and layout.size <= most:
            return layout
        limit -= max(layout.size - most, ALIGNMENT)
    return one


def most_bytes(board: Board, one: Layout, optimize: Optimize) -> int:
    """Bytes that all arenas may have in the place of one."""
    outside = {memory.name for memory in board.external_memories}
    growth = _MOST_GROWTH[optimize]
    if one.arenas and one.arenas[0].memory in outside:
        growth = max(growth, _MOST_GROWTH_OUTSIDE)
    return int(one.size * growth)


def spread_for_room(
    units: Sequence[Unit], blocks: Sequence[Block], rooms: Mapping[str, int], most: int
) -> Layout | None:
    """Fills one memory after the other, for blocks that no memory alone holds.

    Args:
        units: The hottest first.
        blocks: All blocks.
        rooms: Bytes that an arena may have, by memory, the fastest first.
        most: Bytes that all arenas may have.

    Returns:
        The layout; None where none was found.
    """
    largest_first = sorted(units, key=lambda unit: -int(unit.live.max()))
    for order in (units, largest_first):
        limits = dict(rooms)
        for _ in range(_MOST_TRIES):
            groups = _first_fit(order, limits)
            if groups is None:
                break
            layout = _pack_groups(groups, blocks)
            excess = _excess(layout, rooms)
            if not excess and layout.size <= most:
                return layout
            # Live bytes that fit, in places that do not: with some room between them.
            for memory, missing in excess.items():
                limits[memory] -= missing
            if not excess:
                break
    return None


def _make_unit(
    numbers: Sequence[int], used: int, events: Sequence[Event], blocks: Sequence[Block]
) -> Unit:
    live = np.zeros(len(events) + 2, np.int64)
    for number in numbers:
        for piece in blocks[number].pieces:
            live[piece.birth : piece.death] += piece.size
    return Unit(tuple(numbers), used / max(int(live.max()), 1), live)


def _count_row_bytes(net: Net, events: Sequence[Event]) -> dict[int, int]:
    """Bytes written and read of each store."""
    used = {store.tensor: store.height * store.row_bytes for store in net.stores.values()}
    for event in events:
        for read in net.nodes[event.node].reads:
            first, last = read.rows(event.first, event.last)
            used[read.store] += (last - first) * net.stores[read.store].row_bytes
    return used


def _group_rows(blocks: Sequence[Block]) -> list[tuple[set[int], list[int]]]:
    """Stores that share blocks, and numbers of all their blocks."""
    groups: list[tuple[set[int], list[int]]] = []
    for number, block in enumerate(blocks):
        stores = {place.store for place in block.places}
        if not stores:
            continue
        numbers = [number]
        apart = []
        for group in groups:
            if group[0] & stores:
                stores |= group[0]
                numbers += group[1]
            else:
                apart.append(group)
        groups = [*apart, (stores, numbers)]
    return [(stores, sorted(numbers)) for stores, numbers in groups]


def _choose_moving(units: Sequence[Unit], room: int, limit: int) -> list[Unit]:
    """What the largest fast arena may hold with which both together keep to the limit."""
    while True:
        moving: list[Unit] = []
        live: Ints = np.zeros(len(units[0].live) if units else 1, np.int64)
        for unit in units:
            if int((live + unit.live).max()) <= room:
                live = live + unit.live
                moving.append(unit)
        arena = int(live.max())
        if arena < _LEAST_ARENA:
            return []
        if arena + _most_live([unit for unit in units if unit not in moving]) <= limit:
            return moving
        room = min(int(room * _NEXT_ARENA), arena - 1)


def _most_live(units: Sequence[Unit]) -> int:
    """Most bytes that are live at one moment."""
    return int(np.sum([unit.live for unit in units], axis=0).max()) if units else 0


def _first_fit(units: Sequence[Unit], limits: Mapping[str, int]) -> dict[str, list[Unit]] | None:
    """Puts each unit into the first memory where its live bytes fit."""
    groups: dict[str, list[Unit]] = {memory: [] for memory in limits}
    live = {memory: np.zeros_like(units[0].live) for memory in limits}
    for unit in units:
        for memory, limit in limits.items():
            if int((live[memory] + unit.live).max()) <= limit:
                live[memory] = live[memory] + unit.live
                groups[memory].append(unit)
                break
        else:
            return None
    return groups


def _pack_groups(groups: Mapping[str, Sequence[Unit]], blocks: Sequence[Block]) -> Layout:
    memories, places = [""] * len(blocks), [0] * len(blocks)
    arenas = []
    for memory, units in groups.items():
        numbers = sorted(number for unit in units for number in unit.blocks)
        if not numbers:
            continue
        packing = pack_blocks([blocks[number] for number in numbers])
        arenas.append(Arena(memory, packing.size))
        for number, place in zip(numbers, packing.places, strict=True):
            memories[number], places[number] = memory, place
    return Layout(tuple(memories), tuple(places), tuple(arenas))


def _excess(layout: Layout, rooms: Mapping[str, int]) -> dict[str, int]:
    """Bytes by which arenas are larger than their rooms, for those that are."""
    return {
        arena.memory: arena.size - rooms[arena.memory]
        for arena in layout.arenas
        if arena.size > rooms[arena.memory]
    }
