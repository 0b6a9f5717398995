"""What to say when a model needs more RAM than there is."""

from __future__ import annotations

from collections.abc import Sequence

from tinydeploy.board import Board
from tinydeploy.errors import BudgetError
from tinydeploy.graph.graph import Graph
from tinydeploy.plan.lifetimes import Block, live_bytes
from tinydeploy.plan.net import Net
from tinydeploy.plan.places import Placed
from tinydeploy.plan.plan import FEED
from tinydeploy.plan.pools import Rooms
from tinydeploy.plan.schedule import Event


def budget_error(
    graph: Graph,
    board: Board,
    max_ram: int | None,
    rooms: Rooms,
    net: Net,
    placed: Placed,
    advice: Sequence[str] = (),
) -> BudgetError:
    """An error that names the layer at the peak, and what is held there.

    Args:
        graph: The graph.
        board: The board.
        max_ram: What the user allows.
        rooms: Bytes that arenas may have.
        net: The net.
        placed: The schedule that needs least.
        advice: Sentences that name what would fit; general advice where there are none.
    """
    events, blocks, needed = placed.events, placed.blocks, placed.packing.size
    live = live_bytes(blocks, len(events) + 2)
    peak = live.index(max(live))
    if 1 <= peak <= len(events):
        where = _describe_event(graph, net, placed, events[peak - 1])
    else:
        where = "when inputs are written" if peak == 0 else "when outputs are read"
    limit, room = _describe_limit(board, max_ram, rooms, needed)
    general = (
        "Try a smaller input resolution (halving it quarters most tensors), a narrower width"
        " multiplier, an earlier stride or pooling in front of the peak layer, or a board with a"
        " larger memory."
    )
    return BudgetError(
        f"the model needs an arena of {needed} bytes and {limit}: {needed - room} bytes"
        f" are missing. The peak is {where}, with {live[peak]} bytes live: "
        f"{', '.join(_list_held(graph, blocks, peak))}",
        " ".join(advice) or general,
    )


def _describe_limit(
    board: Board, max_ram: int | None, rooms: Rooms, needed: int
) -> tuple[str, int]:
    """What the arena does not fit into, and how many bytes it may have there."""
    if max_ram is not None and rooms.total == max_ram:
        return f"the arena may have {max_ram} bytes", max_ram
    largest = max(rooms.by_memory, key=lambda name: rooms.by_memory[name])
    room = rooms.by_memory[largest]
    if len(rooms.by_memory) == 1:
        return f"the arena memory of {board.title}, {largest}, has room for {room} bytes", room
    each = ", ".join(f"{name} {size}" for name, size in rooms.by_memory.items())
    if needed > rooms.total:
        total = rooms.total
        return f"the memories of {board.title} have room for {total} bytes ({each})", total
    shares = f"its tensors cannot be shared out among the memories of {board.title} ({each})"
    return f"{shares}, the largest of which has room for {room} bytes", room


def _describe_event(graph: Graph, net: Net, placed: Placed, event: Event) -> str:
    position = net.nodes[event.node].op
    if position == FEED:
        return f"when row {event.last - 1} of the input is pushed"
    op = graph.ops[position]
    where = f"in layer {op.index} ({op.kind})"
    group = next(g for g in placed.partition.groups if g.first <= event.node < g.last)
    if group.last - group.first == 1:
        return where
    ends = [net.nodes[n].op for n in (group.first, group.last - 1)]
    first, last = (graph.ops[k].index if k != FEED else "the input" for k in ends)
    return f"{where}, which takes turns with layers {first} to {last}"


def _list_held(graph: Graph, blocks: Sequence[Block], moment: int) -> list[str]:
    """What is live at a moment, the largest first."""
    held: dict[int | None, int] = {}
    for block in blocks:
        size = sum(p.size for p in block.pieces if p.birth <= moment < p.death)
        if size:
            store = block.places[0].store if block.places else None
            held[store] = held.get(store, 0) + size
    order = sorted(held.items(), key=lambda entry: -entry[1])
    return [_describe(graph, store, size) for store, size in order]


def _describe(graph: Graph, store: int | None, size: int) -> str:
    if store is None:
        return f"scratch {size}"
    tensor = graph.tensors[store]
    shape = "x".join(map(str, tensor.shape))
    name = tensor.name.partition(";")[0]  # converters list all ops that became one
    return f"tensor {store} ({name or 'unnamed'}, {shape}) {size}"
