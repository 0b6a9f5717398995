"""A picture of the arenas over time in plain text, at most 80 columns wide."""

from __future__ import annotations

import string
from collections import Counter
from collections.abc import Sequence

from tinydeploy.graph.graph import Graph
from tinydeploy.plan.occupancy import Occupant, find_occupants
from tinydeploy.plan.plan import Arena, Plan

WIDTH = 80
_MARGIN = 9  # "  123456 " in front of each line of the picture
_LINES = 20
_LETTERS = string.ascii_uppercase + string.ascii_lowercase + string.digits


def draw_plan(graph: Graph, plan: Plan) -> str:
    """Draws every arena: time to the right, addresses upwards, one letter per tensor or scratch.

    The first column is the writing of the inputs, the last the reading of the outputs. A cell that
    several tensors share shows the one that has most of it; a dot is free memory.
    """
    occupants = find_occupants(graph, plan)
    moments = len(plan.steps) + 2
    return "\n".join(
        _draw_arena(graph, arena, moments, [o for o in occupants if o.memory == arena.memory])
        for arena in plan.arenas
    )


def _draw_arena(graph: Graph, arena: Arena, moments: int, occupants: Sequence[Occupant]) -> str:
    per_column = -(-moments // (WIDTH - _MARGIN))
    columns = -(-moments // per_column)
    per_line = max(4, -(-arena.size // (_LINES * 4)) * 4)
    lines = -(-arena.size // per_line)
    cells = [[Counter[str]() for _ in range(columns)] for _ in range(lines)]
    legend = []
    for number, occupant in enumerate(occupants):
        letter = _LETTERS[number % len(_LETTERS)]
        for r in occupant.rectangles:
            for line in range(r.begin // per_line, -(-r.end // per_line)):
                share = min(r.end, (line + 1) * per_line) - max(r.begin, line * per_line)
                for moment in range(r.birth, r.death):
                    cells[line][moment // per_column][letter] += share
        legend.append(_describe(graph, occupant, letter))
    picture = [
        f"{line * per_line:8d} " + "".join(_letter(cell) for cell in cells[line])
        for line in reversed(range(lines))
    ]
    title = f"{arena.memory}: {arena.size} bytes; one column is {per_column} of {moments} moments"
    return "\n".join([title, *picture, *legend, ""])


def _letter(cell: Counter[str]) -> str:
    return cell.most_common(1)[0][0] if cell else "."


def _describe(graph: Graph, occupant: Occupant, letter: str) -> str:
    if occupant.tensor is None:
        what = f"scratch of layer {occupant.op}"
    else:
        shape = "x".join(map(str, graph.tensors[occupant.tensor].shape))
        what = f"tensor {occupant.tensor} {shape}"
    life = f"moments [{occupant.birth}, {occupant.death})"
    return f"{letter} {occupant.most_bytes:7d} bytes, {life}: {what}"[:WIDTH]
