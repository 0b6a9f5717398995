"""A picture of the arenas over time in plain text, at most 80 columns wide."""

from __future__ import annotations

import string
from collections import Counter
from collections.abc import Iterator

from tinydeploy.graph.graph import Graph
from tinydeploy.plan.lifetimes import Block, find_blocks
from tinydeploy.plan.net import Net, net_of_plan
from tinydeploy.plan.plan import Arena, Plan
from tinydeploy.plan.schedule import Event

WIDTH = 80
_MARGIN = 9  # "  123456 " in front of each line of the picture
_LINES = 20
_LETTERS = string.ascii_uppercase + string.ascii_lowercase + string.digits


def draw_plan(graph: Graph, plan: Plan) -> str:
    """Draws every arena: time to the right, addresses upwards, one letter per tensor or scratch.

    The first column is the writing of the inputs, the last the reading of the outputs. A cell that
    several tensors share shows the one that has most of it; a dot is free memory.
    """
    net, kernels = net_of_plan(graph, plan)
    numbers = {node.op: number for number, node in enumerate(net.nodes)}
    events = [Event(numbers[step.op], step.first, step.last) for step in plan.steps]
    things: dict[tuple[int | None, int | None], list[Block]] = {}
    for block in find_blocks(net, kernels, events):
        store = block.places[0].store if block.places else None
        things.setdefault((store, block.node), []).append(block)
    order = sorted(things.values(), key=lambda blocks: (_birth(blocks), _death(blocks)))
    return "\n".join(_draw_arena(graph, net, plan, arena, order) for arena in plan.arenas)


def _birth(blocks: list[Block]) -> int:
    return min(block.birth for block in blocks)


def _death(blocks: list[Block]) -> int:
    return max(block.death for block in blocks)


def _draw_arena(graph: Graph, net: Net, plan: Plan, arena: Arena, things: list[list[Block]]) -> str:
    moments = len(plan.steps) + 2
    per_column = -(-moments // (WIDTH - _MARGIN))
    columns = -(-moments // per_column)
    per_line = max(4, -(-arena.size // (_LINES * 4)) * 4)
    lines = -(-arena.size // per_line)
    cells = [[Counter[str]() for _ in range(columns)] for _ in range(lines)]
    legend = []
    for number, blocks in enumerate(things):
        letter = _LETTERS[number % len(_LETTERS)]
        pieces = [p for block in blocks for p in _pieces(net, plan, block, arena.memory)]
        for begin, end, birth, death in pieces:
            for line in range(begin // per_line, -(-end // per_line)):
                share = min(end, (line + 1) * per_line) - max(begin, line * per_line)
                for moment in range(birth, death):
                    cells[line][moment // per_column][letter] += share
        if pieces:
            legend.append(_describe(graph, net, blocks, letter))
    picture = [
        f"{line * per_line:8d} " + "".join(_letter(cell) for cell in cells[line])
        for line in reversed(range(lines))
    ]
    title = f"{arena.memory}: {arena.size} bytes; one column is {per_column} of {moments} moments"
    return "\n".join([title, *picture, *legend, ""])


def _letter(cell: Counter[str]) -> str:
    return cell.most_common(1)[0][0] if cell else "."


def _pieces(net: Net, plan: Plan, block: Block, memory: str) -> Iterator[tuple[int, int, int, int]]:
    """(begin, end, birth, death) of what a block occupies in a memory."""
    if block.node is not None:
        scratch = plan.scratch[net.nodes[block.node].op]
        place, start = scratch.memory, scratch.offset
    else:
        rows = plan.rows[block.places[0].store]
        place, start = rows.memory, rows.row_offset(block.places[0].row)
    if place == memory:
        for piece in block.pieces:
            begin = start + piece.offset
            yield begin, begin + piece.size, piece.birth, piece.death


def _describe(graph: Graph, net: Net, blocks: list[Block], letter: str) -> str:
    if blocks[0].node is not None:
        what = f"scratch of layer {net.nodes[blocks[0].node].op}"
    else:
        store = blocks[0].places[0].store
        what = f"tensor {store} {'x'.join(map(str, graph.tensors[store].shape))}"
    size = sum(block.size for block in blocks)
    facts = f"{letter} {size:7d} bytes, moments [{_birth(blocks)}, {_death(blocks)}): {what}"
    return facts[:WIDTH]
