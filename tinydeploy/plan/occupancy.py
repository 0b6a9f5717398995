"""What lies where and when, read back from a plan alone: rectangles of time and bytes.

Time is counted in moments: at moment 0 the host writes the inputs, moment i + 1 is step i, and at
the last moment the host reads the outputs. All intervals are half-open.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace

from tinydeploy.graph.graph import Graph
from tinydeploy.plan.lifetimes import made_by
from tinydeploy.plan.net import net_of_plan
from tinydeploy.plan.plan import Plan, Rows
from tinydeploy.plan.schedule import Event


@dataclass(frozen=True)
class Rectangle:
    """Bytes [begin, end) of an arena that are needed during the moments [birth, death)."""

    begin: int
    end: int
    birth: int
    death: int


@dataclass(frozen=True)
class Occupant:
    """Rows of a tensor, or the scratch of an op, over time.

    Args:
        memory: The memory whose arena holds it.
        tensor: Id of the tensor that owns the rows; None for scratch.
        op: Position in Graph.ops of the op whose scratch it is; None for rows.
        rectangles: At least one, in the order of their births.
    """

    memory: str
    tensor: int | None
    op: int | None
    rectangles: tuple[Rectangle, ...]

    @property
    def birth(self) -> int:
        """First moment at which any of it is needed."""
        return min(rectangle.birth for rectangle in self.rectangles)

    @property
    def death(self) -> int:
        """Moment behind the last one."""
        return max(rectangle.death for rectangle in self.rectangles)

    @property
    def most_bytes(self) -> int:
        """Most bytes that it occupies at one moment."""
        return max(count_bytes(self.rectangles, self.death))


def count_bytes(rectangles: Sequence[Rectangle], moments: int) -> list[int]:
    """Bytes occupied at each moment of [0, moments), those counted twice that two share."""
    change = [0] * (moments + 1)
    for rectangle in rectangles:
        change[rectangle.birth] += rectangle.end - rectangle.begin
        change[rectangle.death] -= rectangle.end - rectangle.begin
    total, counts = 0, []
    for delta in change[:moments]:
        total += delta
        counts.append(total)
    return counts


def find_occupants(graph: Graph, plan: Plan) -> list[Occupant]:
    """Everything that lies in an arena, in the order of births; not what lies in the host's own.

    A row is needed from the step that makes it to the last step that reads it; where a row takes
    the place of another in one step, both are there at that moment. Neighbours of one life are
    one rectangle. Tensors that only rename another do not appear.
    """
    arenas = {arena.memory for arena in plan.arenas}
    found = []
    for tensor, rows in _find_lives(graph, plan).items():
        place = plan.rows[tensor]
        if place.memory not in arenas:
            continue
        rectangles = _merge([_rectangle(place, y, *life) for y in sorted(rows) for life in rows[y]])
        found.append(Occupant(place.memory, tensor, None, rectangles))
    for op, moments in _find_calls(plan).items():
        scratch = plan.scratch[op]
        end = scratch.offset + scratch.size
        rectangles = tuple(Rectangle(scratch.offset, end, *life) for life in moments)
        found.append(Occupant(scratch.memory, None, op, rectangles))
    return sorted(found, key=lambda occupant: (occupant.birth, occupant.death))


def describe_occupant(graph: Graph, occupant: Occupant) -> str:
    """A few words: `tensor 7 1x48x48x8`, `scratch of layer 3`."""
    if occupant.tensor is None:
        return f"scratch of layer {occupant.op}"
    return f"tensor {occupant.tensor} {'x'.join(map(str, graph.tensors[occupant.tensor].shape))}"


def _find_lives(graph: Graph, plan: Plan) -> dict[int, dict[int, list[tuple[int, int]]]]:
    """Lives [birth, death) of the rows of every tensor that owns its bytes."""
    net, _ = net_of_plan(graph, plan)
    numbers = {node.op: number for number, node in enumerate(net.nodes)}
    lives: dict[int, dict[int, list[tuple[int, int]]]] = {store: {} for store in net.stores}

    def extend(store: int, row: int, moment: int) -> None:
        birth, _ = lives[store][row][-1]
        lives[store][row][-1] = birth, moment + 1

    for store in net.stores.values():
        if store.birth < 0:
            lives[store.tensor] = {row: [(0, 1)] for row in range(store.height)}
    for moment, step in enumerate(plan.steps, start=1):
        node = net.nodes[numbers[step.op]]
        for read in node.reads:
            for row in range(*read.rows(step.first, step.last)):
                extend(read.store, row, moment)
        for made in node.makes:
            for row in range(*made_by(net, Event(numbers[step.op], step.first, step.last))):
                lives[made].setdefault(row, []).append((moment, moment + 1))
    for store in net.stores.values():
        if store.death == len(net.nodes):
            for row in range(store.height):
                extend(store.tensor, row, len(plan.steps) + 1)
    return lives


def _find_calls(plan: Plan) -> Mapping[int, list[tuple[int, int]]]:
    """When each op that has scratch needs it: runs of its steps, or all between its first and last.

    Sums that are accumulated stay in the scratch from call to call.
    """
    calls: dict[int, list[tuple[int, int]]] = {}
    for moment, step in enumerate(plan.steps, start=1):
        if step.op not in plan.scratch:
            continue
        runs = calls.setdefault(step.op, [])
        if runs and (runs[-1][1] == moment or plan.kernels[step.op].accumulates):
            runs[-1] = runs[-1][0], moment + 1
        else:
            runs.append((moment, moment + 1))
    return calls


def _rectangle(rows: Rows, row: int, birth: int, death: int) -> Rectangle:
    begin = rows.row_offset(row)
    return Rectangle(begin, begin + rows.row_bytes, birth, death)


def _merge(rectangles: Sequence[Rectangle]) -> tuple[Rectangle, ...]:
    """Joins those of one life that lie one behind the other; at most a word is free between."""
    merged: list[Rectangle] = []
    for rectangle in sorted(rectangles, key=lambda r: (r.birth, r.death, r.begin)):
        last = merged[-1] if merged else None
        if (
            last is not None
            and (last.birth, last.death) == (rectangle.birth, rectangle.death)
            and 0 <= rectangle.begin - last.end < 4
        ):
            merged[-1] = replace(last, end=rectangle.end)
        else:
            merged.append(rectangle)
    return tuple(merged)
