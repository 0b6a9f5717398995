"""Turns packed blocks into places of rows and scratch: a pitch where there is one, else a table."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from itertools import pairwise

from tinydeploy.graph.graph import Graph
from tinydeploy.plan.alias import find_owners
from tinydeploy.plan.lifetimes import Block
from tinydeploy.plan.net import Net
from tinydeploy.plan.pack import Packing
from tinydeploy.plan.partition import Partition
from tinydeploy.plan.plan import Rows, Scratch, input_buffer
from tinydeploy.plan.pools import Layout
from tinydeploy.plan.schedule import Event

_SPAN = 4 << 16  # a row table counts words of 4 bytes, from the lowest row on, in 16 bits


@dataclass(frozen=True)
class Placed:
    """A schedule whose blocks have places.

    Args:
        partition: The groups.
        events: Their calls.
        blocks: What has to lie somewhere.
        packing: Where.
    """

    partition: Partition
    events: tuple[Event, ...]
    blocks: tuple[Block, ...]
    packing: Packing


def place_rows(graph: Graph, blocks: Sequence[Block], layout: Layout) -> Mapping[int, Rows]:
    """The place of every stored tensor, those with several names under each of them.

    Inputs that are in no block lie in a buffer of the host.
    """
    offsets: dict[int, dict[int, int]] = {}
    memories: dict[int, str] = {}
    for block, start, memory in zip(blocks, layout.places, layout.memories, strict=True):
        for place in block.places:
            memories[place.store] = memory
            offsets.setdefault(place.store, {})[place.row] = start + place.offset
    rows = {}
    for tensor, owner in find_owners(graph).items():
        height, row_bytes = graph.tensors[tensor].rows[0], graph.tensors[tensor].row_bytes
        if owner not in offsets:
            buffer = input_buffer(graph.inputs.index(owner))
            rows[tensor] = Rows(tensor, buffer, 0, row_bytes, height, row_bytes)
            continue
        found = offsets[owner]
        if height == len(found):
            places = [found[row] for row in range(height)]
        else:
            places = [found[0] + row * row_bytes for row in range(height)]
        rows[tensor] = _describe_rows(tensor, memories[owner], places, row_bytes)
    return rows


def _describe_rows(tensor: int, memory: str, places: Sequence[int], row_bytes: int) -> Rows:
    steps = {b - a for a, b in pairwise(places)} or {row_bytes}
    if len(steps) == 1:
        return Rows(tensor, memory, places[0], steps.pop(), len(places), row_bytes)
    return Rows(tensor, memory, min(places), 0, len(places), row_bytes, tuple(places))


def place_scratch(net: Net, blocks: Sequence[Block], layout: Layout) -> Mapping[int, Scratch]:
    """The working memory of ops, by position in Graph.ops."""
    return {
        net.nodes[block.node].op: Scratch(memory, start, block.size)
        for block, start, memory in zip(blocks, layout.places, layout.memories, strict=True)
        if block.node is not None
    }


def find_wide(blocks: Sequence[Block], starts: Sequence[int]) -> frozenset[int]:
    """Stores of several blocks that lie too far apart for a row table."""
    reach: dict[int, tuple[int, int]] = {}
    for block, start in zip(blocks, starts, strict=True):
        for place in block.places:
            here = start + place.offset
            low, high = reach.get(place.store, (here, here))
            reach[place.store] = min(low, here), max(high, here)
    several = {block.places[0].store for block in blocks if block.places and block.places[0].row}
    return frozenset(s for s, (low, high) in reach.items() if s in several and high - low >= _SPAN)
