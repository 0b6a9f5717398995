"""Which of the many schedules of a net are worth placing, and which one is taken.

Less RAM costs speed: smaller groups of rows, less scratch. A plan may be so much slower than layer
by layer, and is as good as its RAM times a power of its instructions is small: with a power of one
half, one per cent of RAM is worth two of speed.
"""

from __future__ import annotations

from collections.abc import Sequence

from tinydeploy.plan.kernel import Optimize
from tinydeploy.plan.partition import Partition, Partitioner

# The power, and how many times the instructions of layer by layer a plan may take, by estimate.
_POWER = {"speed": 40.0, "balanced": 0.5, "ram": 0.0, "flash": 0.5}
_MOST_COST = {"speed": 1.02, "balanced": 1.16, "ram": 1.37, "flash": 1.25}
# What a partition may cost before the room that it leaves is used.
_PROPOSED_COST = {**_MOST_COST, "ram": 1.5}
_STEP = 0.97  # from one limit of live bytes to the next
_NEAR = (0.98, 0.985, 0.99, 0.995, 1.01)  # limits near the best, relative to it
_HOPELESS = 1.3  # times as bad as the best: less RAM makes it only worse


def propose_partitions(
    partitioner: Partitioner, optimize: Optimize, room: int, count: int
) -> list[Partition]:
    """The best partitions, the best of all first.

    Args:
        partitioner: Of the net.
        optimize: What to prefer.
        room: Most live bytes.
        count: Most partitions.

    Returns:
        At least one if any keeps within the room, even if it is slower than it should be.
    """
    whole = partitioner.layer_by_layer()
    least = partitioner.least_live()
    found = [whole] if whole.live <= room else []
    limit = min(whole.live - 1, room)
    best = float("inf")
    while limit >= least:
        partition = partitioner.least_cost(limit)
        if partition is None:
            break
        if partition not in found:
            found.append(partition)
        if partition.cost > _PROPOSED_COST[optimize] * whole.cost:
            break
        best = min(best, rate(partition.live, partition.cost, whole, optimize))
        if rate(partition.live, partition.cost, whole, optimize) > _HOPELESS * best:
            break
        limit = min(int(limit * _STEP), partition.live - 1)
    # Between the best limit and the next there may be a better one.
    if len(found) > 1 and best < float("inf"):
        around = min(found, key=lambda p: rate(p.live, p.cost, whole, optimize)).live
        for factor in _NEAR:
            limit = min(int(around * factor), room)
            partition = partitioner.least_cost(limit) if limit >= least else None
            if partition is not None and partition not in found:
                found.append(partition)
    fast = [p for p in found if p.cost <= _PROPOSED_COST[optimize] * whole.cost]
    if not fast:
        return sorted(found, key=lambda p: p.cost)[:count]
    return sorted(fast, key=lambda p: rate(p.live, p.cost, whole, optimize))[:count]


def most_cost(whole: Partition, optimize: Optimize) -> float:
    """Instructions that a plan may take, `whole` being layer by layer."""
    return _MOST_COST[optimize] * whole.cost


def rate(size: int, cost: int, whole: Partition, optimize: Optimize) -> float:
    """How bad a plan of so many bytes and instructions is."""
    return float(size * (cost / max(whole.cost, 1)) ** _POWER[optimize])


def trim_partitions(
    partitioner: Partitioner, partitions: Sequence[Partition], optimize: Optimize
) -> list[Partition]:
    """The partitions with less scratch: rows pack better, and the room that they leave is used."""
    most = most_cost(partitioner.layer_by_layer(), optimize)
    trimmed = [
        partitioner.trim_scratch(partition, cost)
        for partition in partitions
        for cost in (most, float("inf"))
    ]
    return list(dict.fromkeys(trimmed))
