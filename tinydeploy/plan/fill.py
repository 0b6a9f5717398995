"""Kernels with more scratch where packed rows leave room for it.

The less scratch layers have, the closer rows can be packed. Once they have their places, each layer
takes the fastest kernel whose scratch is free at all of its calls. As only one layer runs at a
time, none takes that room from another; sums that are kept from call to call stay where they are.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray

from tinydeploy.plan.kernel import Kernel
from tinydeploy.plan.lifetimes import scratch_blocks
from tinydeploy.plan.net import ALIGNMENT, Net, Node, round_up
from tinydeploy.plan.pack import Packing
from tinydeploy.plan.partition import Partition
from tinydeploy.plan.places import Placed


def fill_holes(net: Net, placed: Placed) -> Placed:
    """The same rows in the same places, and for each layer the fastest kernel that fits there."""
    calls: dict[int, Counter[int]] = {}
    moments: dict[int, list[int]] = {}
    for moment, event in enumerate(placed.events, start=1):
        calls.setdefault(event.node, Counter())[event.last - event.first] += 1
        moments.setdefault(event.node, []).append(moment)
    kernels = list(placed.partition.kernels)
    taken, starts = _list_taken(net, placed), _starts(placed)
    cost = 0
    for number, node in enumerate(net.nodes):
        if not node.accumulates:
            starts[number], room = _largest_hole(taken, placed.packing.size, moments[number])
            kernels[number] = _fastest(node, calls[number], room)
        cost += _instructions(node, kernels[number], calls[number])
    return _with_kernels(net, placed, kernels, cost, starts)


def exchange_kernels(net: Net, placed: Placed, partition: Partition) -> Placed:
    """The same places, with a partition's kernels, of which none needs more scratch."""
    return _with_kernels(net, placed, partition.kernels, partition.cost, _starts(placed))


def _with_kernels(
    net: Net, placed: Placed, kernels: Sequence[Kernel], cost: int, starts: Mapping[int | None, int]
) -> Placed:
    """Scratch as the kernels want it, at `starts`, by node; rows as they are."""
    rows = [
        (block, place)
        for block, place in zip(placed.blocks, placed.packing.places, strict=True)
        if block.node is None
    ]
    scratch = scratch_blocks(net, kernels, placed.events)
    blocks = (*(block for block, _ in rows), *scratch)
    places = (*(place for _, place in rows), *(starts[block.node] for block in scratch))
    # An arena ends with its last byte: less scratch may leave some behind that.
    ends = (place + block.size for block, place in zip(blocks, places, strict=True))
    size = min(placed.packing.size, round_up(max(ends, default=0)))
    packing = Packing(places, size, min(size, placed.packing.lower_bound))
    partition = replace(placed.partition, kernels=tuple(kernels), cost=cost)
    return Placed(partition, placed.events, blocks, packing)


def _starts(placed: Placed) -> dict[int | None, int]:
    """Where the scratch of each node lies."""
    return {
        block.node: place
        for block, place in zip(placed.blocks, placed.packing.places, strict=True)
        if block.node is not None
    }


@dataclass(frozen=True, eq=False)
class _Taken:
    """Bytes that are not free: half-open in time and place; int64 [pieces] each."""

    birth: NDArray[np.int64]
    death: NDArray[np.int64]
    begin: NDArray[np.int64]
    end: NDArray[np.int64]


def _list_taken(net: Net, placed: Placed) -> _Taken:
    """All rows, and sums that stay between calls."""
    pieces = [
        (piece.birth, piece.death, place + piece.offset, place + piece.offset + piece.size)
        for block, place in zip(placed.blocks, placed.packing.places, strict=True)
        if block.node is None or net.nodes[block.node].accumulates
        for piece in block.pieces
    ]
    return _Taken(*np.array(pieces, np.int64).reshape(-1, 4).T)


def _largest_hole(taken: _Taken, size: int, moments: Sequence[int]) -> tuple[int, int]:
    """(Start, size) of the most bytes side by side that are free at all of these moments."""
    meets = np.searchsorted(moments, taken.birth) < np.searchsorted(moments, taken.death)
    best, free = (0, 0), 0
    intervals = zip(taken.begin[meets].tolist(), taken.end[meets].tolist(), strict=True)
    for begin, end in sorted([*intervals, (size, size)]):
        room = begin // ALIGNMENT * ALIGNMENT - free
        if room > best[1]:
            best = free, room
        free = max(free, round_up(end))
    return best


def _fastest(node: Node, calls: Counter[int], room: int) -> Kernel:
    fitting = [v.kernel for v in node.variants if round_up(v.kernel.scratch_bytes) <= room]
    return min(fitting, key=lambda kernel: _instructions(node, kernel, calls))


def _instructions(node: Node, kernel: Kernel, calls: Counter[int]) -> int:
    (variant,) = (v for v in node.variants if v.kernel is kernel)
    return sum(count * variant.cost(rows) for rows, count in calls.items())
