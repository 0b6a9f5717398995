"""Plans the memory of one inference: a schedule, a place for every row, a memory of the board.

The schedule is layer by layer: every op makes all its rows in one step, every tensor is whole.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from tinydeploy.board import Board, Memory
from tinydeploy.errors import BudgetError
from tinydeploy.graph.graph import Graph
from tinydeploy.plan.alias import find_owners, renames
from tinydeploy.plan.calls import call_rows
from tinydeploy.plan.kernel import Kernel, Optimize
from tinydeploy.plan.kernels import choose_kernels
from tinydeploy.plan.lifetimes import Item, find_items, live_bytes
from tinydeploy.plan.pack import Packing, pack_items
from tinydeploy.plan.plan import Arena, Plan, Rows, Scratch, Step

# Bytes of the data memory that arenas leave alone: 4 KB of stack (inference needs less than 2 KB of
# it), the firmware's static variables and the buffers of its console. The linker refuses more.
DATA_RESERVE = 12 * 1024


def plan_memory(
    graph: Graph,
    board: Board,
    *,
    max_ram: int | None = None,
    optimize: Optimize = "balanced",
) -> Plan:
    """Plans one inference on a board.

    The arena goes into the first of the board's arena memories, in their order of preference, that
    holds it. The inputs may be overwritten as soon as nothing needs them any more.

    Args:
        graph: A verified graph.
        board: The board; its data memory keeps DATA_RESERVE bytes for stack and static variables.
        max_ram: Bytes that the arena may have at most; None for what the memories hold.
        optimize: What to prefer when kernels are chosen.

    Returns:
        The plan. Same graph and board, same plan.

    Raises:
        BudgetError: No memory holds the arena; the message names the layer that needs most.
    """
    kernels = choose_kernels(graph, board, optimize)
    steps = make_steps(graph, kernels)
    items = find_items(graph, steps, kernels)
    packing = pack_items(items)
    memory = next(
        (m for m in board.memories_for("arena") if packing.size <= _room(board, m, max_ram)), None
    )
    if memory is None:
        raise _budget_error(graph, board, max_ram, steps, items, packing)
    return place_items(graph, steps, kernels, items, packing, memory.name)


def plan_for_host(graph: Graph) -> Plan:
    """Plans one inference with portable kernels on the host, e.g. of an unfused graph."""
    kernels = choose_kernels(graph, None)
    steps = make_steps(graph, kernels)
    items = find_items(graph, steps, kernels)
    return place_items(graph, steps, kernels, items, pack_items(items), "host")


def make_steps(graph: Graph, kernels: Mapping[int, Kernel]) -> tuple[Step, ...]:
    """Layer by layer: one step for each op that computes something, with all its rows."""
    return tuple(
        Step(position, 0, call_rows(graph, op, kernels[position]))
        for position, op in enumerate(graph.ops)
        if not renames(op)
    )


def place_items(
    graph: Graph,
    steps: tuple[Step, ...],
    kernels: Mapping[int, Kernel],
    items: Sequence[Item],
    packing: Packing,
    memory: str,
) -> Plan:
    """Turns the offsets of items into places of rows and of scratch, all in one arena."""
    offsets = {
        (item.tensor, item.op): offset for item, offset in zip(items, packing.offsets, strict=True)
    }
    rows = {}
    for tensor, owner in find_owners(graph).items():
        height, width, channels = graph.tensors[tensor].rows
        row_bytes = width * channels
        rows[tensor] = Rows(tensor, memory, offsets[owner, None], row_bytes, height, row_bytes)
    scratch = {
        item.op: Scratch(memory, offsets[None, item.op], item.size)
        for item in items
        if item.op is not None
    }
    arenas = (Arena(memory, packing.size),)
    return Plan(steps, rows, scratch, arenas, packing.lower_bound, kernels)


def _room(board: Board, memory: Memory, max_ram: int | None) -> int:
    """Bytes of `memory` that an arena may have."""
    room = memory.size - (DATA_RESERVE if memory is board.data_memory else 0)
    return room if max_ram is None else min(room, max_ram)


def _budget_error(
    graph: Graph,
    board: Board,
    max_ram: int | None,
    steps: Sequence[Step],
    items: Sequence[Item],
    packing: Packing,
) -> BudgetError:
    largest = max(board.memories_for("arena"), key=lambda memory: _room(board, memory, None))
    room = _room(board, largest, max_ram)
    live = live_bytes(items, len(steps) + 2)
    peak = live.index(max(live))
    held = sorted(
        (item for item in items if item.birth <= peak < item.death), key=lambda item: -item.size
    )
    parts = ", ".join(_describe(graph, item) for item in held)
    limit = (
        f"the largest arena memory of {board.title}, {largest.name}, has room for {room} bytes"
        if max_ram is None or room < max_ram
        else f"the arena may have {max_ram} bytes"
    )
    if 1 <= peak <= len(steps):
        op = graph.ops[steps[peak - 1].op]
        where = f"in layer {op.index} ({op.kind})"
    else:
        where = "when inputs are written" if peak == 0 else "when outputs are read"
    return BudgetError(
        f"the model needs an arena of {packing.size} bytes and {limit}: {packing.size - room} bytes"
        f" are missing. The peak is {where}, with {live[peak]} bytes live: {parts}",
        "Try a smaller input resolution (halving it quarters most tensors), a narrower width"
        " multiplier, an earlier stride or pooling in front of the peak layer, or a board with a"
        " larger memory.",
    )


def _describe(graph: Graph, item: Item) -> str:
    if item.tensor is None:
        return f"scratch {item.size}"
    tensor = graph.tensors[item.tensor]
    shape = "x".join(map(str, tensor.shape))
    return f"tensor {item.tensor} ({tensor.name or 'unnamed'}, {shape}) {item.size}"
