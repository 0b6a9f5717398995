"""Trades multiplications for RAM: expansions that are computed again instead of being kept.

What a 1x1 expansion makes need not be stored where a depthwise convolution reads it: that computes
the rows under its windows itself (passes/fuse_expansions.py). Then rows of the narrow tensor are
held, and rows that several calls need are computed several times. All expansions at once need least
RAM, or nearly so, and most MACs; one is given up after the other, first those that change nothing,
then always the one that costs least RAM, as far as the MACs allow more.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from functools import partial

from tinydeploy.board import Board
from tinydeploy.errors import BudgetError, UsageError
from tinydeploy.graph.graph import Graph
from tinydeploy.graph.op import Op
from tinydeploy.graph.passes.fuse_expansions import find_expansions, fuse_expansions
from tinydeploy.plan.alias import renames
from tinydeploy.plan.choose import most_cost, rate
from tinydeploy.plan.extra_macs import count_extra_macs
from tinydeploy.plan.kernel import Optimize
from tinydeploy.plan.memory import Search, find_rooms, plan_memory
from tinydeploy.plan.net import Net, make_net
from tinydeploy.plan.partition import Loads, Partition, Partitioner
from tinydeploy.plan.plan import FEED, InputForm, PlannedGraph, Step
from tinydeploy.plan.schedule import schedule_groups
from tinydeploy.plan.variants import Variant, variants_of

USUAL_SHARE, MOST_SHARE = 0.1, 10.0
_STEP = 1.03  # from one limit of live bytes to the next
_LIMITS = 12

Tensors = tuple[int, ...]
"""Tensors that are not stored, ascending."""


def check_share(share: float) -> None:
    """Raises UsageError where a share of extra MACs makes no sense."""
    if not 0 <= share <= MOST_SHARE:
        raise UsageError(
            f"{share:.0%} more multiplications are not between 0% and {MOST_SHARE:.0%}",
            "Try 10%: --max-extra-macs 10%, or BuildRequest(max_extra_macs=0.1).",
        )


def plan_graph(
    graph: Graph,
    board: Board,
    share: float | None,
    *,
    max_ram: int | None = None,
    optimize: Optimize = "balanced",
    input_form: InputForm = "arena",
) -> PlannedGraph:
    """Plans one inference: as `plan_memory`, or as `plan_recomputed` where that needs less RAM.

    Args:
        graph: A verified graph, as `fuse_graph` makes it.
        board: The board.
        share: As of `plan_recomputed`; None to compute nothing again.
        max_ram: As of `plan_memory`.
        optimize: Likewise.
        input_form: Likewise.

    Returns:
        The plan, with the graph itself or one in which expansions are fused.

    Raises:
        BudgetError: As of `plan_memory`; without a share it says whether recomputation would fit.
    """
    plan = partial(
        plan_recomputed,
        graph,
        board,
        max_ram=max_ram,
        optimize=optimize,
        input_form=input_form,
    )
    try:
        plain = plan_memory(graph, board, max_ram=max_ram, optimize=optimize, input_form=input_form)
    except BudgetError as error:
        found = plan(USUAL_SHARE if share is None else share)
        if found is not None and share is None:
            size = found.plan.arena_bytes
            advice = (
                f"With --max-extra-macs {USUAL_SHARE:.0%} its arena of {size:,} bytes would fit."
            )
            raise BudgetError(error.message, f"{advice} {error.hint}") from error
        if found is None:
            raise
        return found
    found = None if share is None else plan(share, below=plain.arena_bytes)
    return found or PlannedGraph(graph, plain)


def plan_recomputed(
    graph: Graph,
    board: Board,
    share: float,
    *,
    max_ram: int | None = None,
    optimize: Optimize = "balanced",
    input_form: InputForm = "arena",
    below: int | None = None,
) -> PlannedGraph | None:
    """Plans one inference with expansions computed again.

    Args:
        graph: A verified graph, as `fuse_graph` makes it.
        board: The board.
        share: Most MACs of an inference beyond those of the model, relative to them.
        max_ram: As of `plan_memory`.
        optimize: As of `plan_memory`; instructions may be more by the same share.
        input_form: As of `plan_memory`.
        below: The arena has to have fewer bytes; None if anything is welcome that fits, even if it
            is slower than it should be.

    Returns:
        The best plan found; None if none needs fewer bytes, or none fits.
    """
    room = find_rooms(board, max_ram).total
    search = _Search(graph, board, share, optimize, input_form, room, slow=below is None)
    best: tuple[tuple[bool, float], _Choice, list[Partition]] | None = None
    for tensors in search.walk():
        choice = search.look(tensors)
        found = search.list_partitions(choice)
        if found and (best is None or found[0][0] < best[0]):
            best = found[0][0], choice, [partition for _, partition in found]
    if best is None:
        return None
    _, choice, partitions = best
    places = Search(choice.graph, board, max_ram, optimize, input_form, choice.variants)
    placed = places.find(partitions)
    if placed is None or (below is not None and placed[1].size >= below):
        return None
    return PlannedGraph(choice.graph, places.make_plan(*placed))


@dataclass(frozen=True)
class _Choice:
    """The net without some tensors."""

    graph: Graph
    variants: Mapping[int, tuple[Variant, ...]]
    net: Net
    partitioner: Partitioner
    bound: int  # the least live bytes


class _Search:
    """Looks for the tensors that are best not stored.

    Args:
        graph: The graph.
        board: The board.
        share: As of `plan_recomputed`.
        optimize: Likewise.
        input_form: Likewise.
        room: Most live bytes.
        slow: Schedules may be slower than they should be, if there are no others.
    """

    def __init__(
        self,
        graph: Graph,
        board: Board,
        share: float,
        optimize: Optimize,
        input_form: InputForm,
        room: int,
        *,
        slow: bool,
    ) -> None:
        self._room, self._slow = room, slow
        self._graph, self._optimize, self._input_form = graph, optimize, input_form
        self._most_extra = int(share * graph.macs)
        layers = find_expansions(graph)
        listed: dict[Op, tuple[Variant, ...]] = {
            op: variants_of(op, graph, board, optimize)
            for op in (*graph.ops, *layers.values())
            if not renames(op)
        }
        self._variants = listed
        self._layers = {t: layer for t, layer in layers.items() if listed[layer]}
        self._choices: dict[Tensors, _Choice] = {}
        self._loads: Loads = {}
        self._whole = self.look(()).partitioner.layer_by_layer()
        self._most_cost = (1 + share) * most_cost(self._whole, optimize)

    def walk(self) -> Iterator[Tensors]:
        """Ever fewer tensors, from those that are enough for the least RAM to one."""
        tensors = self._give_up_idle(tuple(sorted(self._layers)))
        while tensors:
            yield tensors
            fewer = (_without(tensors, tensor) for tensor in tensors)
            tensors = self._give_up_idle(min(fewer, key=lambda t: self.look(t).bound))

    def _give_up_idle(self, tensors: Tensors) -> Tensors:
        """Leaves out what the bound does not depend on, the dearest first."""
        bound = self.look(tensors).bound
        for tensor in sorted(tensors, key=lambda t: -self._layers[t].expansion.macs(self._graph)):
            fewer = _without(tensors, tensor)
            if self.look(fewer).bound <= bound:
                tensors = fewer
        return tensors

    def look(self, tensors: Tensors) -> _Choice:
        """The net without these tensors."""
        if tensors not in self._choices:
            graph = fuse_expansions(self._graph, [self._layers[t] for t in tensors])
            variants = {
                k: self._variants[op] for k, op in enumerate(graph.ops) if op in self._variants
            }
            net = make_net(graph, variants, self._input_form)
            partitioner = Partitioner(net, self._loads)
            bound = partitioner.least_live()
            self._choices[tensors] = _Choice(graph, variants, net, partitioner, bound)
        return self._choices[tensors]

    def list_partitions(self, choice: _Choice) -> list[tuple[tuple[bool, float], Partition]]:
        """Schedules within MACs and room, the best first: (too slow, how bad), and the schedule."""
        found: list[tuple[tuple[bool, float], Partition]] = []
        for number in range(_LIMITS):
            partition = choice.partitioner.least_cost(int(choice.bound * _STEP**number))
            if partition is None or partition.live > self._room:
                break
            slow = partition.cost > self._most_cost
            if slow <= self._slow and _count_extra(choice, partition) <= self._most_extra:
                bad = rate(partition.live, partition.cost, self._whole, self._optimize)
                found.append(((slow, bad), partition))
        return sorted(found, key=lambda entry: entry[0])


def _without(tensors: Tensors, tensor: int) -> Tensors:
    return tuple(t for t in tensors if t != tensor)


def _count_extra(choice: _Choice, partition: Partition) -> int:
    nodes = choice.net.nodes
    calls = (
        Step(nodes[event.node].op, event.first, event.last)
        for event in schedule_groups(choice.net, partition.groups)
        if nodes[event.node].op != FEED
    )
    kernels = {n.op: kernel for n, kernel in zip(nodes, partition.kernels, strict=True)}
    return count_extra_macs(choice.graph, kernels, calls)
