"""Plans that compute expansions again: less RAM, within the MACs, exact, and checked."""

from __future__ import annotations

import itertools
import random
from collections.abc import Callable
from dataclasses import replace
from itertools import islice

import pytest
from nets import classifier, inverted_residuals

from tests.plan_mutations import move_rows, move_scratch, shorten_arenas, swap_steps
from tinydeploy.board import load_board
from tinydeploy.errors import BudgetError, InternalError, UsageError
from tinydeploy.graph.graph import Graph
from tinydeploy.graph.ops.expanded_depthwise_conv_2d import ExpandedDepthwiseConv2D
from tinydeploy.graph.passes import fuse_graph
from tinydeploy.graph.passes.fuse_expansions import find_expansions, fuse_expansions
from tinydeploy.graph.read import read_graph
from tinydeploy.plan.alternatives import describe_chosen, list_alternatives
from tinydeploy.plan.check import check_plan
from tinydeploy.plan.check_recomputation import check_recomputation
from tinydeploy.plan.extra_macs import count_extra_macs
from tinydeploy.plan.kernel_choice.expanded_depthwise_conv_2d import TiledKernel, list_kernels
from tinydeploy.plan.memory import plan_memory
from tinydeploy.plan.plan import InputForm, Plan, PlannedGraph
from tinydeploy.plan.recompute import check_share, plan_graph, plan_recomputed

BOARD = load_board("stm32h743")
SHARE = 0.1


@pytest.fixture(scope="module")
def graph() -> Graph:
    return fuse_graph(read_graph(inverted_residuals(), "net"))


@pytest.fixture(scope="module")
def planned(graph: Graph) -> PlannedGraph:
    return plan_graph(graph, BOARD, SHARE, input_form="rows", optimize="ram")


@pytest.fixture(scope="module")
def plain(graph: Graph) -> Plan:
    """All tensors stored."""
    return plan_memory(graph, BOARD, input_form="rows", optimize="ram")


def extra_macs(planned: PlannedGraph) -> int:
    return count_extra_macs(planned.graph, planned.plan.kernels, planned.plan.calls)


def test_it_needs_less_ram(graph: Graph, plain: Plan, planned: PlannedGraph) -> None:
    assert planned.plan.arena_bytes < 0.8 * plain.arena_bytes
    assert 0 < extra_macs(planned) <= SHARE * graph.macs
    assert planned.graph.macs == graph.macs
    check_plan(planned.graph, planned.plan, BOARD)
    check_recomputation(graph, planned.graph, planned.plan, SHARE)


@pytest.mark.parametrize(("form", "share"), [("rows", 0.2), ("arena", 0.15), ("kept", 2.0)])
def test_it_keeps_within_the_share(graph: Graph, form: InputForm, share: float) -> None:
    found = plan_recomputed(graph, BOARD, share, input_form=form)
    assert found is not None
    check_plan(found.graph, found.plan, BOARD)
    check_recomputation(graph, found.graph, found.plan, share)


def test_same_arguments_same_plan(graph: Graph, planned: PlannedGraph) -> None:
    again = plan_recomputed(graph, BOARD, SHARE, input_form="rows", optimize="ram")
    assert again is not None
    assert again.plan == planned.plan


def test_without_a_share_nothing_is_computed_again(graph: Graph, plain: Plan) -> None:
    found = plan_graph(graph, BOARD, None, input_form="rows", optimize="ram")
    assert found.graph is graph
    assert found.plan == plain


def test_without_expansions_nothing_changes() -> None:
    graph = fuse_graph(read_graph(classifier(), "net"))
    assert not find_expansions(graph)
    assert plan_recomputed(graph, BOARD, 1.0) is None
    assert plan_graph(graph, BOARD, 1.0).graph is graph


def test_it_fits_where_the_others_do_not(
    graph: Graph, plain: Plan, planned: PlannedGraph, monkeypatch: pytest.MonkeyPatch
) -> None:
    def refuse(*_: object, **__: object) -> Plan:
        raise BudgetError("no room", "Try less.")

    monkeypatch.setattr("tinydeploy.plan.recompute.plan_memory", refuse)  # else it takes long
    size = planned.plan.arena_bytes
    assert size < plain.lower_bound_bytes
    with pytest.raises(BudgetError, match="no room") as caught:
        plan_graph(graph, BOARD, None, input_form="rows", max_ram=size, optimize="ram")
    advice = f"With --max-extra-macs 10% its arena of {size:,} bytes would fit. Try less."
    assert caught.value.hint == advice
    found = plan_graph(graph, BOARD, SHARE, input_form="rows", max_ram=size, optimize="ram")
    assert found.plan.arena_bytes <= size
    with pytest.raises(BudgetError, match="no room") as caught:
        plan_graph(graph, BOARD, SHARE, input_form="rows", max_ram=size // 2)
    assert caught.value.hint == "Try less."


@pytest.mark.parametrize("share", [-0.1, 10.1, float("nan"), float("inf")])
def test_shares_that_make_no_sense_are_refused(share: float) -> None:
    with pytest.raises(UsageError) as caught:
        check_share(share)
    assert "10%" in caught.value.hint


def test_it_is_named_among_the_plans(graph: Graph, plain: Plan, planned: PlannedGraph) -> None:
    names = ["layer by layer", "input in the arena", "input kept", "input row by row"]
    found = list_alternatives(graph, BOARD, PlannedGraph(graph, plain), "ram")
    assert [plan.name for plan in found] == [*names, "with recomputation"]
    assert [plan.chosen for plan in found] == [False, False, False, True, False]
    assert [plan.extra_macs > 0 for plan in found] == [False] * 4 + [True]
    assert found[-1].arena_bytes < plain.arena_bytes
    assert found[-1].extra_macs <= 0.1 * graph.macs
    chosen = describe_chosen(graph, BOARD, planned)
    assert (chosen.name, chosen.chosen) == ("with recomputation", True)
    assert chosen.extra_macs == extra_macs(planned)


def test_layers_compute_rows_as_often_as_is_counted(graph: Graph) -> None:
    """Row by row a 3x3 window needs three rows of the expansion, the first and the last two."""
    _, layer = find_expansions(graph).values()
    assert layer.depthwise.stride == (1, 1)
    fused = fuse_expansions(graph, [layer])
    position = fused.ops.index(layer)
    height = graph.tensors[layer.inputs[0]].rows[0]
    narrow = next(k for k in list_kernels(layer, graph, BOARD, "balanced") if k.band == 1)
    whole = replace(narrow, band=height)
    steps = [s for s in plan_memory(fused, BOARD).steps if s.op == position]
    assert sum(s.last - s.first for s in steps) == height
    per_row = layer.expansion.macs(graph) // height
    extra = count_extra_macs(fused, {position: narrow}, steps)
    assert extra == (3 * height - 2 - height) * per_row
    assert (
        count_extra_macs(fused, {position: whole}, [replace(steps[0], first=0, last=height)]) == 0
    )


def assert_refused(graph: Graph, planned: PlannedGraph, match: str = "the memory plan") -> None:
    with pytest.raises(InternalError, match=match):
        check_plan(planned.graph, planned.plan, BOARD)
        check_recomputation(graph, planned.graph, planned.plan, SHARE)


@pytest.mark.parametrize(
    "mutate",
    [
        lambda graph, plan: islice(move_rows(graph, plan, random.Random(0)), 30),
        lambda graph, plan: islice(move_scratch(graph, plan, random.Random(1)), 30),
        lambda graph, plan: shorten_arenas(plan),
        lambda graph, plan: islice(swap_steps(graph, plan), 30),
    ],
    ids=["rows", "scratch", "arena", "steps"],
)
def test_wrong_places_are_found(
    graph: Graph, planned: PlannedGraph, mutate: Callable[[Graph, Plan], itertools.islice[Plan]]
) -> None:
    count = 0
    for plan in mutate(planned.graph, planned.plan):
        count += 1
        assert_refused(graph, PlannedGraph(planned.graph, plan))
    assert count


def with_kernel(planned: PlannedGraph, **changes: int) -> PlannedGraph:
    """The first tiled layer's kernel with other fields, and as much scratch as its own."""
    kernels = dict(planned.plan.kernels)
    position = next(k for k, kernel in kernels.items() if isinstance(kernel, TiledKernel))
    kernels[position] = replace(kernels[position], **changes)
    return PlannedGraph(planned.graph, replace(planned.plan, kernels=kernels))


@pytest.mark.parametrize(
    ("changes", "match"),
    [
        ({"tile_bytes": 4}, "do not fit in a tile"),
        ({"tile_bytes": 1 << 20}, "no room for tiles and kernels"),
        ({"channels": 3}, "are no tiles of 3"),
        ({"channels": 36}, "are no tiles of 36"),
        ({"channels": 48}, "do not fit in a tile"),
        ({"band": 0}, "no kernel for tiles"),
        ({"scratch_bytes": 4}, "no room for tiles and kernels"),
    ],
)
def test_wrong_tiles_are_found(
    graph: Graph, planned: PlannedGraph, changes: dict[str, int], match: str
) -> None:
    assert_refused(graph, with_kernel(planned, **changes), match)


def test_too_many_macs_are_found(graph: Graph, planned: PlannedGraph) -> None:
    least = extra_macs(planned) / graph.macs
    check_recomputation(graph, planned.graph, planned.plan, least)
    with pytest.raises(InternalError, match="MACs are executed again"):
        check_recomputation(graph, planned.graph, planned.plan, least - 1e-6)


def test_other_layers_are_found(graph: Graph, planned: PlannedGraph) -> None:
    """A layer left out, one of another model, two in the other order, a tensor others need."""
    ops = planned.graph.ops
    position = next(k for k, op in enumerate(ops) if isinstance(op, ExpandedDepthwiseConv2D))
    copied = replace(ops[position], expansion=replace(ops[position].expansion))
    for changed in (
        ops[:position] + ops[position + 1 :],
        (*ops[:position], copied, *ops[position + 1 :]),
        (*ops[:position], ops[position + 1], ops[position], *ops[position + 2 :]),
    ):
        wrong = replace(planned.graph, ops=changed)
        with pytest.raises(InternalError, match="its layers are not"):
            check_recomputation(graph, wrong, planned.plan, SHARE)
    ends = (*graph.outputs, ops[position].expansion.outputs[0])
    with pytest.raises(InternalError, match="somebody else needs it"):
        check_recomputation(replace(graph, outputs=ends), planned.graph, planned.plan, SHARE)
