"""Plans the memory of one inference: a schedule, a place for every row, a memory of the board.

Ops are cut into groups (partition.py); within a group rows are made when they are asked for
(schedule.py). A row lives from the event that makes it to the last event that reads it
(lifetimes.py), and each row has a place of its own (pack.py, places.py).
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from tinydeploy.board import Board, Memory
from tinydeploy.graph.graph import Graph
from tinydeploy.plan.budget import budget_error
from tinydeploy.plan.choose import propose_partitions
from tinydeploy.plan.kernel import Kernel, Optimize
from tinydeploy.plan.kernels import choose_kernels
from tinydeploy.plan.lifetimes import Block, find_blocks
from tinydeploy.plan.net import Net, make_net
from tinydeploy.plan.pack import Packing, pack_blocks
from tinydeploy.plan.partition import Partition, Partitioner
from tinydeploy.plan.places import find_wide, place_rows, place_scratch
from tinydeploy.plan.plan import Arena, Plan, Step
from tinydeploy.plan.schedule import Event, schedule_groups

# Bytes of the data memory that arenas leave alone: 4 KB of stack (inference needs less than 2 KB of
# it), the firmware's static variables and the buffers of its console. The linker refuses more.
DATA_RESERVE = 12 * 1024


@dataclass(frozen=True)
class Placed:
    """A schedule whose blocks have places.

    Args:
        partition: The groups.
        events: Their calls.
        blocks: What has to lie somewhere.
        packing: Where.
    """

    partition: Partition
    events: tuple[Event, ...]
    blocks: tuple[Block, ...]
    packing: Packing


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
        optimize: What to prefer when kernels and schedules are chosen.

    Returns:
        The plan. Same graph and board, same plan.

    Raises:
        BudgetError: No memory holds the arena; the message names the layer that needs most.
    """
    kernels = choose_kernels(graph, board, optimize)
    net = make_net(graph, kernels)
    rooms = {memory.name: room_in(board, memory, max_ram) for memory in board.memories_for("arena")}
    partitioner = Partitioner(net)
    best: Placed | None = None
    for partition in propose_partitions(partitioner, optimize, max(rooms.values())):
        if best is not None and best.packing.size <= partition.live:
            break
        placed = place_partition(net, partition)
        if best is None or placed.packing.size < best.packing.size:
            best = placed
    least = best or place_partition(net, partitioner.least_live())
    memory = next((name for name, room in rooms.items() if least.packing.size <= room), None)
    if memory is None:
        raise budget_error(graph, board, max_ram, rooms, net, least.events, least.blocks)
    return make_plan(graph, kernels, net, least, memory, partitioner.least_live().live)


def plan_for_host(graph: Graph) -> Plan:
    """Plans one inference with portable kernels on the host, layer by layer, e.g. unfused."""
    kernels = choose_kernels(graph, None)
    net = make_net(graph, kernels)
    placed = place_partition(net, Partitioner(net).whole)
    return make_plan(graph, kernels, net, placed, "host", placed.packing.lower_bound)


def place_partition(net: Net, partition: Partition) -> Placed:
    """Finds places for a schedule."""
    events = schedule_groups(net, partition.groups)
    blocks = find_blocks(net, events, frozenset())
    return Placed(partition, events, blocks, pack_blocks(blocks))


def make_plan(
    graph: Graph,
    kernels: Mapping[int, Kernel],
    net: Net,
    placed: Placed,
    memory: str,
    lower_bound: int,
) -> Plan:
    """Writes down a placed schedule, in ops and tensors of the graph."""
    rows = place_rows(graph, placed.blocks, placed.packing, memory)
    if wide := find_wide(rows):
        blocks = find_blocks(net, placed.events, wide)
        placed = Placed(placed.partition, placed.events, blocks, pack_blocks(blocks))
        rows = place_rows(graph, blocks, placed.packing, memory)
    return Plan(
        steps=tuple(Step(net.nodes[e.node].op, e.first, e.last) for e in placed.events),
        rows=rows,
        scratch=place_scratch(net, placed.blocks, placed.packing, memory),
        arenas=(Arena(memory, placed.packing.size),),
        lower_bound_bytes=min(lower_bound, placed.packing.size),
        kernels=kernels,
    )


def room_in(board: Board, memory: Memory, max_ram: int | None) -> int:
    """Bytes of a memory that an arena may have."""
    room = memory.size - (DATA_RESERVE if memory is board.data_memory else 0)
    return room if max_ram is None else min(room, max_ram)
