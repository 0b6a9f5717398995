"""Finds places for the rows and the scratch of a schedule: blocks of several kinds, packed."""

from __future__ import annotations

from tinydeploy.plan.lifetimes import Block, find_blocks
from tinydeploy.plan.net import Net
from tinydeploy.plan.pack import Packing, pack_blocks
from tinydeploy.plan.partition import Partition
from tinydeploy.plan.places import Placed, find_wide
from tinydeploy.plan.schedule import Event, schedule_groups

_SEARCHED = 2  # ways to make blocks, the best of those without search


def place_partition(net: Net, partition: Partition, *, search: bool = True) -> Placed:
    """Finds places for a schedule; without search, the best of a few simple ways."""
    events = schedule_groups(net, partition.groups)
    whole: frozenset[int] = frozenset()
    while True:
        ways = sorted(_ways(net, partition, events, whole), key=lambda way: way[1].size)
        if search:
            ways = [(blocks, pack_blocks(blocks)) for blocks, _ in ways[:_SEARCHED]]
        blocks, packing = min(ways, key=lambda way: way[1].size)
        # With the rows of some tensors further apart than their tables reach, once more.
        wide = find_wide(blocks, packing.places)
        if wide <= whole:
            return Placed(partition, events, blocks, packing)
        whole |= wide


def _ways(
    net: Net, partition: Partition, events: tuple[Event, ...], whole: frozenset[int]
) -> list[tuple[tuple[Block, ...], Packing]]:
    """Rows in place where that is needed or wherever it may be, neighbours together or not."""
    every = frozenset(number for number, node in enumerate(net.nodes) if node.overlays)
    overlaid = [frozenset[int]()] if whole else [partition.overlaid, every]
    found = dict.fromkeys(
        find_blocks(net, partition.kernels, events, nodes, whole, joined=joined)
        for nodes in dict.fromkeys(overlaid)
        for joined in (True, False)
    )
    return [(blocks, pack_blocks(blocks, search=False)) for blocks in found]
