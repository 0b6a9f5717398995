"""Where the firmware keeps inputs that do not lie in the arena."""

from __future__ import annotations

from tinydeploy.board import Board
from tinydeploy.errors import BudgetError
from tinydeploy.graph.graph import Graph
from tinydeploy.plan.memory import room_in
from tinydeploy.plan.plan import Plan

_ALIGNMENT = 16


def place_inputs(graph: Graph, plan: Plan, board: Board) -> str:
    """The memory for the buffers of kept inputs, beside the arenas; "" for other forms.

    Args:
        graph: Its inputs.
        plan: Its arenas come first.
        board: Of its memories for arenas the first that has room is taken.

    Raises:
        BudgetError: None has; a product's own firmware may still have the input elsewhere.
    """
    if plan.input_form != "kept":
        return ""
    needed = sum(_round_up(graph.tensors[tensor].size_bytes) for tensor in graph.inputs)
    arenas = {arena.memory: _round_up(arena.size) for arena in plan.arenas}
    rooms = {
        memory.name: room_in(board, memory, None) - arenas.get(memory.name, 0)
        for memory in board.memories_for("arena")
    }
    fitting = [name for name, room in rooms.items() if room >= needed]
    if fitting:
        return fitting[0]
    largest = max(rooms, key=lambda name: rooms[name])
    raise BudgetError(
        f"the kept input needs {needed} bytes beside the arena, and no memory of {board.title} has"
        f" them: {largest} has {rooms[largest]}",
        "Let the arena hold the input, --input arena, or push it row by row, --input rows.",
    )


def _round_up(size: int) -> int:
    return -(-size // _ALIGNMENT) * _ALIGNMENT
