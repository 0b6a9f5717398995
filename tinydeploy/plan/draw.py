"""A picture of the arenas over time in plain text, at most 80 columns wide."""

from __future__ import annotations

import string
from collections import Counter
from collections.abc import Iterator

from tinydeploy.graph.graph import Graph
from tinydeploy.plan.lifetimes import Item, find_items
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
    items = sorted(
        find_items(graph, plan.steps, plan.kernels), key=lambda item: (item.birth, item.death)
    )
    return "\n".join(_draw_arena(graph, plan, arena, items) for arena in plan.arenas)


def _draw_arena(graph: Graph, plan: Plan, arena: Arena, items: list[Item]) -> str:
    moments = len(plan.steps) + 2
    per_column = -(-moments // (WIDTH - _MARGIN))
    columns = -(-moments // per_column)
    per_line = max(4, -(-arena.size // (_LINES * 4)) * 4)
    lines = -(-arena.size // per_line)
    cells = [[Counter[str]() for _ in range(columns)] for _ in range(lines)]
    legend = []
    for number, item in enumerate(items):
        letter = _LETTERS[number % len(_LETTERS)]
        pieces = [piece[1:] for piece in _pieces(plan, item) if piece[0] == arena.memory]
        for begin, end in pieces:
            for line in range(begin // per_line, -(-end // per_line)):
                share = min(end, (line + 1) * per_line) - max(begin, line * per_line)
                for moment in range(item.birth, item.death):
                    cells[line][moment // per_column][letter] += share
        if pieces:
            legend.append(_describe(graph, item, letter))
    picture = [
        f"{line * per_line:8d} " + "".join(_letter(cell) for cell in cells[line])
        for line in reversed(range(lines))
    ]
    title = f"{arena.memory}: {arena.size} bytes; one column is {per_column} of {moments} moments"
    return "\n".join([title, *picture, *legend, ""])


def _letter(cell: Counter[str]) -> str:
    return cell.most_common(1)[0][0] if cell else "."


def _pieces(plan: Plan, item: Item) -> Iterator[tuple[str, int, int]]:
    """(memory, begin, end) of what an item occupies."""
    if item.op is not None:
        scratch = plan.scratch[item.op]
        yield scratch.memory, scratch.offset, scratch.offset + scratch.size
    if item.tensor is not None:
        rows = plan.rows[item.tensor]
        for y in range(rows.height):
            yield rows.memory, rows.row_offset(y), rows.row_offset(y) + rows.row_bytes


def _describe(graph: Graph, item: Item, letter: str) -> str:
    if item.tensor is None:
        what = f"scratch of layer {item.op}"
    else:
        tensor = graph.tensors[item.tensor]
        what = f"tensor {item.tensor} {'x'.join(map(str, tensor.shape))}"
    facts = f"{letter} {item.size:7d} bytes, moments [{item.birth}, {item.death}): {what}"
    return facts[:WIDTH]
