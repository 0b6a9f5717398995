"""Which of the many schedules of a net are worth placing, and which one is taken."""

from __future__ import annotations

from collections.abc import Iterator

from tinydeploy.plan.kernel import Optimize
from tinydeploy.plan.partition import Partition, Partitioner

# How much slower, by estimate, than layer by layer a plan may be, for the sake of RAM.
_MOST_COST = {"speed": 1.005, "balanced": 1.06, "flash": 1.0, "ram": 10.0}
# Limits of live bytes to try, relative to the least that is possible.
_LIMITS = (1.0, 1.01, 1.02, 1.04, 1.07, 1.1, 1.15, 1.2, 1.3, 1.4, 1.6, 1.8, 2.0, 2.5, 3.0, 4.0)
# Partitions that are worth placing: rows of other sizes may leave less room between them.
_MOST_PLACED = 4


def propose_partitions(
    partitioner: Partitioner, optimize: Optimize, room: int
) -> Iterator[Partition]:
    """Partitions that do what `optimize` asks for, those with the fewest live bytes first.

    Args:
        partitioner: Of the net.
        optimize: "ram" wants the fewest bytes; "balanced" and "speed" want the fewest bytes that
            cost at most so much speed; "flash" wants no streaming.
        room: Bytes of the largest memory. Where nothing cheap enough fits, what fits comes
            instead, the cheapest first.
    """
    whole = partitioner.whole
    least = partitioner.least_live()
    allowed = _MOST_COST[optimize] * whole.cost
    proposed: list[Partition] = []
    for factor in _LIMITS:
        limit = int(factor * least.live)
        if limit >= whole.live:
            break
        found = partitioner.least_cost(limit)
        if found is None or found in proposed:
            continue
        proposed.append(found)
        if found.cost <= allowed and sum(p.cost <= allowed for p in proposed) >= _MOST_PLACED:
            break
    proposed.append(whole)
    cheap = [partition for partition in proposed if partition.cost <= allowed]
    fitting = [partition for partition in cheap if partition.live <= room]
    if fitting:
        yield from fitting[:_MOST_PLACED]
    else:
        yield from sorted((p for p in proposed if p.live <= room), key=lambda p: p.cost)
