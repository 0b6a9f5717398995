"""Plans the memory of one inference: a schedule, a place for every row, a memory of the board.

Ops are cut into groups (partition.py); within a group rows are made when they are asked for
(schedule.py). A row lives from the event that makes it to the last event that reads it
(lifetimes.py), and each row has a place of its own (pack.py, places.py).
"""

from __future__ import annotations

from collections.abc import Mapping

from tinydeploy.board import Board, Memory
from tinydeploy.graph.graph import Graph
from tinydeploy.plan.adjacency import find_joined
from tinydeploy.plan.budget import budget_error
from tinydeploy.plan.choose import propose_partitions, rate
from tinydeploy.plan.cost import plan_instructions
from tinydeploy.plan.kernel import Optimize
from tinydeploy.plan.lifetimes import find_blocks
from tinydeploy.plan.net import Net, make_net
from tinydeploy.plan.pack import pack_blocks
from tinydeploy.plan.partition import Partition, Partitioner
from tinydeploy.plan.places import Placed, find_wide, place_rows, place_scratch
from tinydeploy.plan.plan import FEED, Arena, InputForm, Plan, Step
from tinydeploy.plan.schedule import schedule_groups
from tinydeploy.plan.variants import list_variants

# Bytes of the data memory that arenas leave alone: 4 KB of stack (inference needs less than 2 KB of
# it), the firmware's static variables and the buffers of its console. The linker refuses more.
DATA_RESERVE = 12 * 1024
# Partitions that are placed, the best by live bytes first.
_MOST_PLACED = 6
# Limits of live bytes that are tried where places for none of those fit, relative to the room.
_TIGHTER = (0.97, 0.94, 0.91, 0.88, 0.84, 0.8)


def plan_memory(
    graph: Graph,
    board: Board,
    *,
    max_ram: int | None = None,
    optimize: Optimize = "balanced",
    input_form: InputForm = "arena",
) -> Plan:
    """Plans one inference on a board.

    The arena goes into the first of the board's arena memories, in their order of preference, that
    holds it. Inputs in the arena are overwritten as soon as nothing needs them any more.

    Args:
        graph: A verified graph.
        board: The board; its data memory keeps DATA_RESERVE bytes for stack and static variables.
        max_ram: Bytes that the arena may have at most; None for what the memories hold.
        optimize: What to prefer when kernels and schedules are chosen.
        input_form: How the host gives the input; "rows" only for graphs of which
            `check_input_form` says that they have some.

    Returns:
        The plan. Same graph and board, same plan.

    Raises:
        BudgetError: No memory holds the arena; the message names the layer that needs most.
    """
    net = make_net(graph, list_variants(graph, board, optimize), input_form)
    rooms = {memory.name: room_in(board, memory, max_ram) for memory in board.memories_for("arena")}
    room = max(rooms.values())
    partitioner = Partitioner(net)
    whole = partitioner.layer_by_layer()
    best: Plan | None = None
    least = float("inf")
    for partition in propose_partitions(partitioner, optimize, room, _MOST_PLACED):
        if rate(partition.live, partition.cost, whole, optimize) >= least:
            break
        placed = place_partition(graph, net, partition)
        plan = make_plan(graph, net, placed, rooms, partitioner.least_live(), input_form)
        if plan is not None:
            rated = rate(plan.arena_bytes, plan_instructions(graph, plan), whole, optimize)
            if rated < least:
                best, least = plan, rated
    if best is not None:
        return best

    # What is live would fit, or not even that: with ever more room between, down to the least.
    limits = [int(room * factor) for factor in _TIGHTER if room * factor > partitioner.least_live()]
    for limit in (*limits, partitioner.least_live()):
        tight = partitioner.least_cost(limit)
        assert tight is not None
        placed = place_partition(graph, net, tight)
        plan = make_plan(graph, net, placed, rooms, partitioner.least_live(), input_form)
        if plan is not None:
            return plan
    raise budget_error(graph, board, max_ram, rooms, net, placed)


def plan_for_host(graph: Graph) -> Plan:
    """Plans one inference with portable kernels on the host, layer by layer, e.g. unfused."""
    net = make_net(graph, list_variants(graph, None))
    placed = place_partition(graph, net, Partitioner(net).layer_by_layer())
    plan = make_plan(graph, net, placed, {"host": placed.packing.size}, placed.partition.live)
    assert plan is not None
    return plan


def place_partition(graph: Graph, net: Net, partition: Partition) -> Placed:
    """Finds places for a schedule."""
    events = schedule_groups(net, partition.groups)
    joined = find_joined(graph, net, partition.kernels)
    whole: frozenset[int] = frozenset()
    apart: frozenset[int] = frozenset()
    while True:
        overlaid = partition.overlaid - apart
        blocks = find_blocks(net, partition.kernels, events, joined, overlaid, whole)
        placed = Placed(partition, events, blocks, pack_blocks(blocks))
        # With the rows of some tensors further apart than their tables reach, once more.
        wide = find_wide(blocks, placed.packing)
        if wide <= whole:
            return placed
        whole |= wide
        apart = partition.overlaid


def make_plan(
    graph: Graph,
    net: Net,
    placed: Placed,
    rooms: Mapping[str, int],
    lower_bound: int,
    input_form: InputForm = "arena",
) -> Plan | None:
    """Writes down a placed schedule, in ops and tensors of the graph.

    Args:
        graph: The graph.
        net: Its net.
        placed: The schedule.
        rooms: Bytes that an arena may have, by memory, in order of preference.
        lower_bound: Bytes that any plan needs.
        input_form: What the net was made for.

    Returns:
        The plan; None where no memory has room.
    """
    memory = next((name for name, room in rooms.items() if placed.packing.size <= room), None)
    if memory is None:
        return None
    rows = place_rows(graph, placed.blocks, placed.packing, memory)
    kernels = placed.partition.kernels
    return Plan(
        steps=tuple(Step(net.nodes[e.node].op, e.first, e.last) for e in placed.events),
        rows=rows,
        scratch=place_scratch(net, placed.blocks, placed.packing, memory),
        arenas=(Arena(memory, placed.packing.size),),
        lower_bound_bytes=min(lower_bound, placed.packing.size),
        kernels={
            node.op: kernel
            for node, kernel in zip(net.nodes, kernels, strict=True)
            if node.op != FEED
        },
        input_form=input_form,
    )


def room_in(board: Board, memory: Memory, max_ram: int | None) -> int:
    """Bytes of a memory that an arena may have."""
    room = memory.size - (DATA_RESERVE if memory is board.data_memory else 0)
    return room if max_ram is None else min(room, max_ram)
