"""What to say when a model needs more RAM than there is."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from tinydeploy.board import Board
from tinydeploy.errors import BudgetError
from tinydeploy.graph.graph import Graph
from tinydeploy.plan.lifetimes import Block, live_bytes
from tinydeploy.plan.net import Net
from tinydeploy.plan.places import Placed
from tinydeploy.plan.plan import FEED
from tinydeploy.plan.schedule import Event


def budget_error(
    graph: Graph,
    board: Board,
    max_ram: int | None,
    rooms: Mapping[str, int],
    net: Net,
    placed: Placed,
) -> BudgetError:
    """An error that names the layer at the peak, and what is held there.

    Args:
        graph: The graph.
        board: The board.
        max_ram: What the user allows.
        rooms: Bytes that an arena may have, by memory.
        net: The net.
        placed: The schedule that needs least.
    """
    events, blocks, needed = placed.events, placed.blocks, placed.packing.size
    live = live_bytes(blocks, len(events) + 2)
    peak = live.index(max(live))
    largest = max(rooms, key=lambda name: rooms[name])
    room = rooms[largest]
    limit = f"the largest arena memory of {board.title}, {largest}, has room for {room} bytes"
    if max_ram is not None and room == max_ram:
        limit = f"the arena may have {max_ram} bytes"
    if 1 <= peak <= len(events):
        where = _describe_event(graph, net, events[peak - 1])
    else:
        where = "when inputs are written" if peak == 0 else "when outputs are read"
    return BudgetError(
        f"the model needs an arena of {needed} bytes and {limit}: {needed - room} bytes"
        f" are missing. The peak is {where}, with {live[peak]} bytes live: "
        f"{', '.join(_list_held(graph, blocks, peak))}",
        "Try a smaller input resolution (halving it quarters most tensors), a narrower width"
        " multiplier, an earlier stride or pooling in front of the peak layer, or a board with a"
        " larger memory.",
    )


def _describe_event(graph: Graph, net: Net, event: Event) -> str:
    position = net.nodes[event.node].op
    if position == FEED:
        return f"when row {event.last - 1} of the input is pushed"
    op = graph.ops[position]
    return f"in layer {op.index} ({op.kind})"


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
    return f"tensor {store} ({tensor.name or 'unnamed'}, {shape}) {size}"
