"""Finds places for the rows and the scratch of a schedule: blocks of several kinds, packed."""

from __future__ import annotations

from tinydeploy.plan.lifetimes import Block, find_blocks
from tinydeploy.plan.net import Net
from tinydeploy.plan.pack import Packing, pack_blocks
from tinydeploy.plan.partition import Partition
from tinydeploy.plan.places import Placed, find_wide
from tinydeploy.plan.schedule import Event, schedule_groups

_HOPELESS = 1.04  # times the best size without search: not searched


def place_partition(net: Net, partition: Partition, *, search: bool = True) -> Placed:
    """Finds places for a schedule; without search, the best of a few simple ways."""
    events = schedule_groups(net, partition.groups)
    whole: frozenset[int] = frozenset()
    while True:
        ways = _ways(net, partition, events, whole)
        if search:
            most = _HOPELESS * min(packing.size for _, packing in ways)
            ways = [(blocks, pack_blocks(blocks)) for blocks, way in ways if way.size <= most]
        blocks, packing = min(ways, key=lambda way: way[1].size)
        # With the rows of some tensors further apart than their tables reach, once more.
        wide = find_wide(blocks, packing.places)
        if wide <= whole:
            return Placed(partition, events, blocks, packing)
        whole |= wide


def _ways(
    net: Net, partition: Partition, events: tuple[Event, ...], whole: frozenset[int]
) -> list[tuple[tuple[Block, ...], Packing]]:
    """Rows in place where that is needed, and wherever it may be; neighbours together or not."""
    every = frozenset(number for number, node in enumerate(net.nodes) if node.overlays)
    overlaid = [frozenset[int]()] if whole else [partition.overlaid, every]
    found = []
    for nodes in dict.fromkeys(overlaid):
        both = [
            find_blocks(net, partition.kernels, events, nodes, whole, joined=joined)
            for joined in (True, False)
        ]
        packed = [(blocks, pack_blocks(blocks, search=False)) for blocks in dict.fromkeys(both)]
        found.append(min(packed, key=lambda way: way[1].size))
    return found
