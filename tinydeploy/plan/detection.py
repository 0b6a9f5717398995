"""A place for what reading boxes from the outputs needs: beside them, where all else is dead.

It runs behind the inference, so any gap between outputs will do. Only where there is none does an
arena grow.
"""

from __future__ import annotations

from dataclasses import replace

from tinydeploy.errors import BudgetError
from tinydeploy.graph.graph import Graph
from tinydeploy.plan.plan import Arena, Plan, Scratch
from tinydeploy.plan.pools import Rooms

_ALIGNMENT = 4


def reserve_detection(graph: Graph, plan: Plan, rooms: Rooms | None) -> Plan:
    """The plan with `detection`, where the graph has a detector.

    Args:
        graph: The graph.
        plan: Its plan, without.
        rooms: What arenas may have; None for no limit.

    Raises:
        BudgetError: No arena has room for it.
    """
    if graph.detector is None:
        return plan
    size = graph.detector.scratch_bytes
    for arena in plan.arenas:
        offset = _find_gap(graph, plan, arena, size)
        if offset is not None:
            return replace(plan, detection=Scratch(arena.memory, offset, size))
    for arena in plan.arenas:
        offset = -(-arena.size // _ALIGNMENT) * _ALIGNMENT
        grown = replace(arena, size=offset + size)
        more = grown.size - arena.size
        if rooms is None or (
            grown.size <= rooms.by_memory[arena.memory] and plan.arena_bytes + more <= rooms.total
        ):
            arenas = tuple(grown if other is arena else other for other in plan.arenas)
            place = Scratch(arena.memory, offset, size)
            return replace(plan, arenas=arenas, detection=place)
    raise BudgetError(
        f"the arena of {plan.arena_bytes:,} bytes has no room for the {size:,} bytes that reading "
        f"boxes from {graph.name}'s outputs needs",
        "A smaller max_candidates in the detector's description needs less.",
    )


def _find_gap(graph: Graph, plan: Plan, arena: Arena, size: int) -> int | None:
    """The lowest offset in an arena where so many bytes are free of outputs."""
    outputs = sorted(
        (rows.offset, rows.offset + rows.height * rows.row_bytes)
        for rows in (plan.rows[tensor] for tensor in graph.outputs)
        if rows.memory == arena.memory
    )
    free = 0
    for begin, end in (*outputs, (arena.size, arena.size)):
        if begin - free >= size:
            return free
        free = max(free, -(-end // _ALIGNMENT) * _ALIGNMENT)
    return None
