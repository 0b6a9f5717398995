"""Plans made wrong on purpose: what a checker has to find."""

from __future__ import annotations

import itertools
import random
from collections.abc import Iterator
from dataclasses import replace

from tinydeploy.graph.graph import Graph
from tinydeploy.plan.alias import find_owners
from tinydeploy.plan.calls import made_rows, read_rows
from tinydeploy.plan.lifetimes import find_lives
from tinydeploy.plan.net import net_of_plan
from tinydeploy.plan.plan import FEED, Arena, Plan, Step
from tinydeploy.plan.schedule import Event


def move(plan: Plan, graph: Graph, tensor: int, offset: int) -> Plan:
    """The plan with a tensor, and its other names, moved."""
    owners = find_owners(graph)
    rows = {
        t: replace(r, offset=offset) if owners[t] == owners[tensor] else r
        for t, r in plan.rows.items()
    }
    return replace(plan, rows=rows)


def live_rows(graph: Graph, plan: Plan) -> list[tuple[int, int, int, int]]:
    """(tensor, row, birth, death) of every row of every tensor that owns its bytes."""
    net, _ = net_of_plan(graph, plan)
    numbers = {node.op: number for number, node in enumerate(net.nodes)}
    events = [Event(numbers[step.op], step.first, step.last) for step in plan.steps]
    return [
        (tensor, row, int(life.births[row]), int(life.deaths[row]))
        for tensor, life in find_lives(net, events).items()
        for row in range(len(life.births))
    ]


def move_row(plan: Plan, graph: Graph, tensor: int, row: int, offset: int) -> Plan | None:
    """The plan with one row moved, or a whole tensor if its rows must lie together."""
    rows = plan.rows[tensor]
    owners = find_owners(graph)
    names = [t for t in plan.rows if owners[t] == tensor]
    host = {*graph.inputs, *graph.outputs}
    if rows.height == 1 or len(names) > 1 or tensor in host:
        if rows.table is not None:
            return None
        start = offset - (rows.row_offset(row) - rows.row_offset(0))
        return move(plan, graph, tensor, start) if start >= 0 and not start % 4 else None
    places = [rows.row_offset(y) for y in range(rows.height)]
    places[row] = offset
    if any(place % 4 for place in places):
        return None
    changed = replace(rows, offset=min(places), pitch=0, table=tuple(places))
    return replace(plan, rows={**plan.rows, tensor: changed})


def with_room(plan: Plan) -> Plan:
    """The plan with arenas so large that whatever is moved lies within them."""
    return replace(plan, arenas=tuple(Arena(a.memory, a.size + (1 << 17)) for a in plan.arenas))


def move_rows(graph: Graph, plan: Plan, chance: random.Random) -> Iterator[Plan]:
    """Rows moved onto others that live at more than one moment with them: no handing over."""
    arenas = {arena.memory for arena in plan.arenas}
    rows = [row for row in live_rows(graph, plan) if plan.rows[row[0]].memory in arenas]
    while True:
        a, b = chance.sample(rows, 2)
        together = min(a[3], b[3]) - max(a[2], b[2])
        places = plan.rows[a[0]], plan.rows[b[0]]
        if a[0] == b[0] or together < 2 or places[0].memory != places[1].memory:
            continue
        moved = move_row(plan, graph, a[0], a[1], places[1].row_offset(b[1]))
        if moved is not None:
            yield with_room(moved)


def shorten_arenas(plan: Plan) -> Iterator[Plan]:
    """Each arena ends four bytes before the last one that is used."""
    for number, arena in enumerate(plan.arenas):
        ends = [
            rows.row_offset(y) + rows.row_bytes
            for rows in plan.rows.values()
            for y in range(rows.height)
            if rows.memory == arena.memory
        ]
        ends += [s.offset + s.size for s in plan.scratch.values() if s.memory == arena.memory]
        arenas = list(plan.arenas)
        arenas[number] = Arena(arena.memory, max(ends) - 4)
        yield replace(plan, arenas=tuple(arenas))


def swap_steps(graph: Graph, plan: Plan) -> Iterator[Plan]:
    """Two neighbouring steps the other way round, the second of which needs the first."""
    for number, (a, b) in enumerate(itertools.pairwise(plan.steps)):
        if a.op == b.op or _reads(graph, plan, b, a):
            yield replace(plan, steps=(*plan.steps[:number], b, a, *plan.steps[number + 2 :]))


def move_scratch(graph: Graph, plan: Plan, chance: random.Random) -> Iterator[Plan]:
    """Scratch moved onto rows that live while its op runs and before or behind."""
    rows = live_rows(graph, plan)
    calls = [(m, step.op) for m, step in enumerate(plan.steps, 1) if step.op in plan.scratch]
    while calls:
        moment, op = chance.choice(calls)
        tensor, row, birth, death = chance.choice(rows)
        scratch, place = plan.scratch[op], plan.rows[tensor]
        if birth <= moment < death and death - birth > 1 and place.memory == scratch.memory:
            offset = place.row_offset(row)
            if not offset % 4:
                moved = replace(scratch, offset=offset)
                yield with_room(replace(plan, scratch={**plan.scratch, op: moved}))


def _reads(graph: Graph, plan: Plan, step: Step, other: Step) -> bool:
    """Whether a step reads rows that another makes; renamed tensors count as read."""
    if step.op == FEED:
        return False
    if other.op == FEED:
        made = {graph.inputs[0]: (other.first, other.last)}
    else:
        op = graph.ops[other.op]
        rows = made_rows(graph, op, plan.kernels[other.op], other.first, other.last)
        made = dict.fromkeys(op.outputs, rows)
    op, kernel = graph.ops[step.op], plan.kernels[step.op]
    for which, tensor in enumerate(op.inputs):
        first, last = read_rows(graph, op, kernel, which, step.first, step.last)
        if tensor in made and max(first, made[tensor][0]) < min(last, made[tensor][1]):
            return True
    return False
