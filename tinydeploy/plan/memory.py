"""Plans the memory of one inference: a schedule, a place for every row, a memory of the board.

Ops are cut into groups (partition.py); within a group rows are made when they are asked for
(schedule.py). A row lives from the event that makes it to the last event that reads it
(lifetimes.py), and each row has a place of its own (pack.py, places.py).
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence

from tinydeploy.board import Board, Memory
from tinydeploy.graph.graph import Graph
from tinydeploy.plan.budget import budget_error
from tinydeploy.plan.choose import most_cost, propose_partitions, rate, trim_partitions
from tinydeploy.plan.detection import reserve_detection
from tinydeploy.plan.exchange import prefer_cycles
from tinydeploy.plan.fill import exchange_kernels, fill_holes
from tinydeploy.plan.kernel import Optimize
from tinydeploy.plan.net import Net, make_net
from tinydeploy.plan.partition import Partition, Partitioner
from tinydeploy.plan.place import place_partition
from tinydeploy.plan.places import Placed, find_wide, place_rows, place_scratch
from tinydeploy.plan.plan import FEED, InputForm, Plan, Step
from tinydeploy.plan.pools import (
    Layout,
    Rooms,
    Unit,
    find_units,
    lay_out_in_one,
    most_bytes,
    spread_for_room,
    spread_for_speed,
)
from tinydeploy.plan.smaller import advise_input
from tinydeploy.plan.variants import Variant, list_variants

# Bytes of the data memory that arenas leave alone: 4 KB of stack (inference needs less than 2 KB of
# it), the firmware's static variables and the buffers of its console. The linker refuses more.
DATA_RESERVE = 12 * 1024
# Partitions that are placed, the best by live bytes first; those of them for which better places
# are searched, if they are needed no more.
_MOST_PLACED, _MOST_SEARCHED = 6, 3
_TOO_SLOW = 1000  # times as bad as its bytes say
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
    holds it, hot bytes of it perhaps into faster ones; what no memory alone holds is spread over
    several (pools.py). Inputs in the arena are overwritten as soon as nothing needs them any more.

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
        BudgetError: The memories do not hold it; the message names the layer that needs most.
    """
    search = Search(graph, board, max_ram, optimize, input_form)
    found = search.find()
    if found is None:

        def measure(graph: Graph, form: InputForm) -> int | None:
            return Search(graph, board, max_ram, optimize, form).least_bytes()

        advice = advise_input(graph, input_form, measure)
        tightest = search.tightest
        raise budget_error(graph, board, max_ram, search.rooms, search.net, tightest, advice)
    return search.make_plan(*found)


LayOut = Callable[[Placed], Layout | None]


class Search:
    """Looks for the best schedule that has places in the memories of a board.

    Args:
        graph: The graph.
        board: The board.
        max_ram: Bytes that all arenas may have; None for what the memories hold.
        optimize: What to prefer.
        input_form: How the host gives the input.
        variants: Of every op, by position in Graph.ops; None to list them.
    """

    def __init__(
        self,
        graph: Graph,
        board: Board,
        max_ram: int | None,
        optimize: Optimize,
        input_form: InputForm,
        variants: Mapping[int, tuple[Variant, ...]] | None = None,
    ) -> None:
        self._graph, self._board = graph, board
        self._optimize, self._input_form = optimize, input_form
        self.net = make_net(graph, variants or list_variants(graph, board, optimize), input_form)
        self.rooms = find_rooms(board, max_ram, graph.state_bytes)
        self._partitioner = Partitioner(self.net)
        self._lower_bound = self._partitioner.least_live()

    def find(self, given: Sequence[Partition] | None = None) -> tuple[Placed, Layout] | None:
        """The best schedule and its places: in one memory, else in several, else None.

        Args:
            given: Schedules to choose from; None for all that there are.
        """
        found = self._run(max(self.rooms.by_memory.values()), self._lay_out_in_one, given)
        if found is not None:
            placed, layout = found
            return placed, self._spread_for_speed(placed, layout)
        if len(self.rooms.by_memory) == 1:
            return None
        return self._run(self.rooms.total, self._lay_out_in_several, given)

    def least_bytes(self) -> int | None:
        """Bytes of the arenas that the schedule of least need takes; None where they do not fit."""
        placed = self.tightest
        layout = self._lay_out_in_one(placed)
        if layout is None and len(self.rooms.by_memory) > 1:
            layout = self._lay_out_in_several(placed)
        return None if layout is None else layout.size

    @property
    def tightest(self) -> Placed:
        """The schedule that needs least."""
        partition = self._partitioner.least_cost(self._lower_bound)
        assert partition is not None
        return place_partition(self.net, partition)

    def _run(
        self, room: int, lay_out: LayOut, given: Sequence[Partition] | None
    ) -> tuple[Placed, Layout] | None:
        """The best schedule of at most `room` live bytes that `lay_out` finds places for."""
        partitioner, optimize = self._partitioner, self._optimize
        whole = partitioner.layer_by_layer()

        def rate_size(placed: Placed, size: int) -> float:
            cost = placed.partition.cost
            slow = given is None and cost > most_cost(whole, optimize)
            return rate(size, cost, whole, optimize) * (_TOO_SLOW if slow else 1)

        proposed = (
            propose_partitions(partitioner, optimize, room, _MOST_PLACED)
            if given is None
            else [p for p in given if p.live <= room][:_MOST_PLACED]
        )
        proposed = [self._exchange(partition) for partition in proposed]
        if optimize == "ram":
            # The less scratch, the closer rows are packed; what they leave becomes scratch again.
            proposed += trim_partitions(partitioner, proposed[:_MOST_SEARCHED], optimize)
        rough = [self._fill(place_partition(self.net, p, search=False)) for p in proposed]
        # A search ends somewhere between the bound and what was found without.
        order = sorted(
            zip(rough, proposed, strict=True),
            key=lambda pair: rate_size(pair[0], pair[0].packing.size + pair[0].packing.lower_bound),
        )
        best: tuple[Placed, Layout] | None = None
        least = float("inf")
        for number, (guess, partition) in enumerate(order):
            if best is not None and number >= _MOST_SEARCHED:
                break
            if rate_size(guess, partition.live) >= least:
                continue
            placed = self._fill(place_partition(self.net, partition))
            layout = lay_out(placed)
            if layout is not None and rate_size(placed, layout.size) < least:
                best, least = (placed, layout), rate_size(placed, layout.size)
        if best is not None or given is not None:
            return best

        # What is live would fit, or not even that: with ever more room between, down to the least.
        limits = [limit for factor in _TIGHTER if (limit := int(room * factor)) > self._lower_bound]
        for limit in (*limits, self._lower_bound):
            tight = partitioner.least_cost(limit)
            assert tight is not None
            placed = place_partition(self.net, tight)
            layout = lay_out(placed)
            if layout is not None:
                return placed, layout
        return None

    def _fill(self, placed: Placed) -> Placed:
        """With the kernels that are worth the room that rows leave."""
        filled = fill_holes(self.net, placed)
        return exchange_kernels(self.net, filled, self._exchange(filled.partition))

    def _exchange(self, partition: Partition) -> Partition:
        """With kernels of fewer cycles."""
        whole = self._partitioner.layer_by_layer()
        cpu, optimize = self._board.cpu, self._optimize
        return prefer_cycles(self._graph, self.net, partition, whole, cpu, optimize)

    def _lay_out_in_one(self, placed: Placed) -> Layout | None:
        """Everything in the first memory that holds it."""
        return lay_out_in_one(placed.packing, self.rooms.by_memory)

    def _lay_out_in_several(self, placed: Placed) -> Layout | None:
        """One memory after the other, if no tensor's rows come to lie too far from each other."""
        layout = spread_for_room(
            self._units(placed), placed.blocks, self.rooms.by_memory, self.rooms.total
        )
        return None if layout is None or find_wide(placed.blocks, layout.places) else layout

    def _spread_for_speed(self, placed: Placed, layout: Layout) -> Layout:
        """Hot bytes in the fastest memory, as far as RAM may grow for it."""
        most = min(most_bytes(self._board, layout, self._optimize), self.rooms.total)
        units = self._units(placed)
        spread = spread_for_speed(units, placed.blocks, layout, self.rooms.by_memory, most)
        return layout if find_wide(placed.blocks, spread.places) else spread

    def make_plan(self, placed: Placed, layout: Layout) -> Plan:
        """Writes down what was found."""
        bound, form = self._lower_bound, self._input_form
        plan = make_plan(self._graph, self.net, placed, layout, bound, form)
        return reserve_detection(self._graph, plan, self.rooms)

    def _units(self, placed: Placed) -> list[Unit]:
        return find_units(self._graph, self.net, placed.events, placed.blocks)


def plan_for_host(graph: Graph) -> Plan:
    """Plans one inference with portable kernels on the host, layer by layer, e.g. unfused."""
    return plan_layer_by_layer(graph, None)


def plan_layer_by_layer(graph: Graph, board: Board | None, optimize: Optimize = "balanced") -> Plan:
    """Plans whole layers one after the other, in one arena `host` that has no limit.

    Args:
        graph: A verified graph.
        board: The board, whose core decides which kernels are fast; None for portable ones alone.
        optimize: What to prefer when kernels are chosen.
    """
    net = make_net(graph, list_variants(graph, board, optimize))
    placed = place_partition(net, Partitioner(net).layer_by_layer())
    layout = lay_out_in_one(placed.packing, {"host": placed.packing.size})
    assert layout is not None
    plan = make_plan(graph, net, placed, layout, placed.partition.live)
    return reserve_detection(graph, plan, None)


def make_plan(
    graph: Graph,
    net: Net,
    placed: Placed,
    layout: Layout,
    lower_bound: int,
    input_form: InputForm = "arena",
) -> Plan:
    """Writes down a placed schedule, in ops and tensors of the graph.

    Args:
        graph: The graph.
        net: Its net.
        placed: The schedule.
        layout: Where its blocks lie.
        lower_bound: Bytes that any plan needs.
        input_form: What the net was made for.
    """
    kernels = placed.partition.kernels
    return Plan(
        steps=tuple(Step(net.nodes[e.node].op, e.first, e.last) for e in placed.events),
        rows=place_rows(graph, placed.blocks, layout),
        scratch=place_scratch(net, placed.blocks, layout),
        arenas=layout.arenas,
        lower_bound_bytes=min(lower_bound, layout.size),
        kernels={
            node.op: kernel
            for node, kernel in zip(net.nodes, kernels, strict=True)
            if node.op != FEED
        },
        input_form=input_form,
    )


def find_rooms(board: Board, max_ram: int | None, state_bytes: int = 0) -> Rooms:
    """Bytes that arenas may have, in each memory and in all of them.

    What a model keeps from one inference to the next lies in the data memory, beside them.
    """
    max_ram = None if max_ram is None else max(0, max_ram - state_bytes)
    by_memory = {
        memory.name: room_in(board, memory, max_ram) for memory in board.memories_for("arena")
    }
    data = board.data_memory.name
    if data in by_memory:
        by_memory[data] = max(0, by_memory[data] - state_bytes)
    total = sum(by_memory.values())
    return Rooms(by_memory, total if max_ram is None else min(total, max_ram))


def room_in(board: Board, memory: Memory, max_ram: int | None) -> int:
    """Bytes of a memory that an arena may have."""
    room = memory.size - (DATA_RESERVE if memory is board.data_memory else 0)
    return room if max_ram is None else min(room, max_ram)
