"""A plan in plain text, at most 80 columns wide: the arenas over time, and a table of layers."""

from __future__ import annotations

import string
import textwrap
from collections import Counter
from collections.abc import Mapping, Sequence
from itertools import pairwise

from tinydeploy.graph.graph import Graph
from tinydeploy.plan.cost import step_instructions
from tinydeploy.plan.occupancy import Occupant, find_occupants
from tinydeploy.plan.peak import describe_peak, find_peak
from tinydeploy.plan.plan import FEED, Arena, Plan
from tinydeploy.plan.timeline import Group, find_groups, measure_moments

WIDTH = 80
_MARGIN = 10  # "  123,456 " in front of each line of the picture
_COLUMNS, _LINES = WIDTH - _MARGIN, 20
_LETTERS = string.ascii_uppercase + string.ascii_lowercase + string.digits
_SCRATCH, _FREE = "#", "."


def draw_plan(graph: Graph, plan: Plan) -> str:
    """Draws every arena: layers to the right, addresses upwards, one letter per tensor.

    The first layer's column is behind the writing of the inputs, the last's in front of the reading
    of the outputs. A cell that several tensors share shows the one that has most of it; `#` is
    scratch, a dot is free memory. What the letters mean, `list_layers` says.
    """
    groups, occupants = find_groups(plan), find_occupants(graph, plan)
    units = measure_moments(groups)
    columns = [unit / units[-1] * _COLUMNS for unit in units]
    letters = _choose_letters(occupants)
    lines = []
    for arena in plan.arenas:
        lines.append(f"{arena.memory}: {arena.size:,} bytes")
        lines += _draw_arena(arena, columns, occupants, letters)
    lines += _draw_ruler(columns, groups)
    peak = describe_peak(graph, plan, find_peak(plan, occupants))
    return "\n".join([*lines, *textwrap.wrap(peak, WIDTH)])


def list_layers(graph: Graph, plan: Plan) -> str:
    """A table: what each layer makes, how much of that is there at most, and what it costs.

    A bar in front of layers says that they take turns.
    """
    occupants = find_occupants(graph, plan)
    letters = _choose_letters(occupants)
    held = {o.tensor: o.most_bytes for o in occupants if o.tensor is not None}
    calls = Counter(step.op for step in plan.steps)
    costs: Counter[int] = Counter()
    for step in plan.calls:
        costs[step.op] += step_instructions(graph, plan, step)
    turns = {op for group in find_groups(plan) if len(group.ops) > 1 for op in group.ops}

    def made(op: int, tensor: int, *, layer: str = "", kind: str = "", **figures: str) -> str:
        bar = "|" if op in turns else " "
        size = f"{held[tensor]:,}" if tensor in held else ""
        shape = "x".join(map(str, graph.tensors[tensor].shape))
        return _line(bar + letters.get(tensor, " "), layer, kind, shape, size, **figures)

    lines = [_line("", "layer", "operator", "makes", "bytes", "scratch", "calls", "instructions")]
    pushed = {"calls": f"{calls[FEED]:,}"} if calls[FEED] else {}
    name = "input, kept outside" if plan.input_form == "kept" else "input"
    lines += [made(FEED, tensor, kind=name, **pushed) for tensor in dict.fromkeys(graph.inputs)]
    for op in sorted(costs):
        scratch = f"{plan.scratch[op].size:,}" if op in plan.scratch else ""
        figures = {"scratch": scratch, "calls": f"{calls[op]:,}", "cost": f"{costs[op]:,}"}
        first, *others = graph.ops[op].outputs
        lines.append(made(op, first, layer=str(op), kind=graph.ops[op].kind, **figures))
        lines += [made(op, other) for other in others]
    total = f"{len(plan.calls):,}", f"{costs.total():,}"
    return "\n".join([*lines, _line("", "", "all layers, estimated", "", "", "", *total)])


def _line(
    letter: str,
    layer: str,
    kind: str,
    shape: str,
    size: str,
    scratch: str = "",
    calls: str = "",
    cost: str = "",
) -> str:
    """A line of the table of layers."""
    text = f"{layer:>5} {kind[:21]:<21} {shape[:13]:<13} {size:>9} {scratch:>7} {calls:>5}"
    return f"{letter:<2}{text} {cost:>12}".rstrip()


def _choose_letters(occupants: Sequence[Occupant]) -> Mapping[int, str]:
    """A letter for each tensor in the order of births; they repeat after 62."""
    tensors = [o.tensor for o in occupants if o.tensor is not None]
    return {tensor: _LETTERS[n % len(_LETTERS)] for n, tensor in enumerate(tensors)}


def _draw_arena(
    arena: Arena,
    columns: Sequence[float],
    occupants: Sequence[Occupant],
    letters: Mapping[int, str],
) -> list[str]:
    """Lines of the picture, the highest addresses first."""
    per_line = max(4, -(-arena.size // (_LINES * 4)) * 4)
    lines = -(-arena.size // per_line)
    cells = [[Counter[str]() for _ in range(_COLUMNS)] for _ in range(lines)]
    for occupant in occupants:
        if occupant.memory != arena.memory:
            continue
        letter = _SCRATCH if occupant.tensor is None else letters[occupant.tensor]
        for r in occupant.rectangles:
            left, right = columns[r.birth], columns[r.death]
            for line in range(r.begin // per_line, -(-r.end // per_line)):
                high = min(r.end, (line + 1) * per_line) - max(r.begin, line * per_line)
                for column in range(int(left), min(-int(-right // 1), _COLUMNS)):
                    wide = min(right, column + 1) - max(left, column)
                    cells[line][column][letter] += round(high * wide * 1000)
    return [
        f"{line * per_line:9,} " + "".join(_choose_letter(cell) for cell in cells[line])
        for line in reversed(range(lines))
    ]


def _choose_letter(cell: Counter[str]) -> str:
    return cell.most_common(1)[0][0] if cell else _FREE


def _draw_ruler(columns: Sequence[float], groups: Sequence[Group]) -> list[str]:
    """Marks where groups begin, and the names of those that have room for one."""
    marks, names = [" "] * _COLUMNS, [" "] * _COLUMNS
    starts = [0, *(group.begin for group in groups), len(columns) - 2]
    places = [*(int(columns[moment]) for moment in starts), _COLUMNS]
    free = 0
    for (here, behind), name in zip(
        pairwise(places), ["in", *(group.name for group in groups), "out"], strict=True
    ):
        if here < _COLUMNS:
            marks[here] = "|"
        if free <= here and len(name) < behind - here + 1 and here + len(name) <= _COLUMNS:
            names[here : here + len(name)] = name
            free = here + len(name) + 1
    return [" " * _MARGIN + "".join(line).rstrip() for line in (marks, names)]
