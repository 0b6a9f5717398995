"""Inputs in a buffer of the host and inputs pushed row by row: planned, replayed, and refused."""

from __future__ import annotations

import random
from dataclasses import replace

import pytest
from hypothesis import assume, given
from hypothesis import strategies as st
from plan_graphs import Whole, Window, chain, graphs, make_graph
from test_plan_check import BOARD, PLANNED, assert_refused, live_pairs, move_onto, residual

from tinydeploy.errors import BudgetError, UsageError
from tinydeploy.graph.graph import Graph
from tinydeploy.plan.check import check_plan
from tinydeploy.plan.input_form import check_input_form
from tinydeploy.plan.memory import plan_memory
from tinydeploy.plan.plan import FEED, Arena, InputForm, Plan, Step


def plan_form(graph: Graph, form: InputForm) -> Plan:
    check_input_form(graph, form)
    plan = plan_memory(graph, BOARD, input_form=form)
    assert plan.input_form == form
    return plan


@st.composite
def images(draw: st.DrawFn) -> Graph:
    """Graphs whose one input has rows to push."""
    graph = draw(graphs(9, max_inputs=1))
    assume(graph.tensors[0].rows[0] > 1)
    return graph


def tower() -> Graph:
    """Three convolutions over a large picture."""
    ops = [Window(i, (i,), (i + 1,), 3, 2, 1, scratch=16) for i in range(3)]
    shapes = [(1, 64, 16, 3), (1, 32, 8, 4), (1, 16, 4, 8), (1, 8, 2, 8)]
    return make_graph(shapes, ops, [0], [3])


@PLANNED
@given(graph=graphs(9))
def test_kept_inputs_take_no_room_and_stay(graph: Graph) -> None:
    plan = plan_form(graph, "kept")
    check_plan(graph, plan, BOARD)
    for number, tensor in enumerate(graph.inputs):
        assert plan.rows[tensor].memory == f"input {number}"
        assert plan.rows[tensor].offset == 0


@PLANNED
@given(graph=images())
def test_pushed_rows_come_in_turn(graph: Graph) -> None:
    plan = plan_form(graph, "rows")
    check_plan(graph, plan, BOARD)
    pushed = [step for step in plan.steps if step.op == FEED]
    rows = [y for step in pushed for y in range(step.first, step.last)]
    assert rows == list(range(graph.tensors[0].rows[0]))
    assert plan.calls == tuple(step for step in plan.steps if step.op != FEED)


def test_a_pushed_picture_never_exists() -> None:
    graph, third = tower(), 64 * 48 // 3
    for form in ("kept", "rows"):
        plan = plan_memory(graph, BOARD, max_ram=third, input_form=form)  # type: ignore[arg-type]
        check_plan(graph, plan, BOARD)
        assert plan.arena_bytes <= third
    with pytest.raises(BudgetError):
        plan_memory(graph, BOARD, max_ram=third)


def test_a_picture_that_is_needed_on_is_whole() -> None:
    """An op that reads all rows at once gets them all, from as many pushes."""
    graph = chain((1, 8, 4, 4), (1, 1, 1, 16))
    plan = plan_form(graph, "rows")
    check_plan(graph, plan, BOARD)
    assert plan.arena_bytes == 128 + 16


@PLANNED
@given(graph=images(), seed=st.integers(0, 2**32))
def test_a_row_moved_onto_a_live_one_is_found(graph: Graph, seed: int) -> None:
    """A row that the host pushes, or one onto which it would push another."""
    plan = plan_form(graph, "rows")
    pairs = [(a, b) for a, b in live_pairs(graph, plan) if 0 in (a[0], b[0])]
    assume(pairs)
    moved = move_onto(graph, plan, *random.Random(seed).choice(pairs))
    assume(moved is not None)
    assert moved is not None
    assert_refused(graph, moved)


@PLANNED
@given(graph=images(), seed=st.integers(0, 2**32))
def test_missing_repeated_and_swapped_pushes_are_found(graph: Graph, seed: int) -> None:
    plan = plan_form(graph, "rows")
    pushes = [number for number, step in enumerate(plan.steps) if step.op == FEED]
    one = random.Random(seed).choice(pushes)
    steps = plan.steps
    assert_refused(graph, replace(plan, steps=steps[:one] + steps[one + 1 :]))
    twice = (*steps[: one + 1], *steps[one:])
    assert_refused(graph, replace(plan, steps=twice), match="pushed out of turn")
    if one != pushes[-1]:
        after = pushes[pushes.index(one) + 1]
        swapped = list(steps)
        swapped[one], swapped[after] = steps[after], steps[one]
        assert_refused(graph, replace(plan, steps=tuple(swapped)))


def test_every_step_before_the_rows_that_it_reads_is_found() -> None:
    graph = tower()
    plan = plan_memory(graph, BOARD, max_ram=64 * 48 // 3, input_form="rows")
    pushes = [number for number, step in enumerate(plan.steps) if step.op == FEED]
    assert len(pushes) >= 4
    for number in pushes:
        if plan.steps[number + 1].op == FEED:
            continue
        steps = list(plan.steps)
        steps[number], steps[number + 1] = steps[number + 1], steps[number]
        assert_refused(graph, replace(plan, steps=tuple(steps)), match="is needed and")


def test_rows_that_nobody_pushes_or_that_the_input_lacks_are_found() -> None:
    graph = tower()
    plan = plan_form(graph, "rows")
    steps = (*plan.steps, Step(FEED, 64, 65))
    assert_refused(graph, replace(plan, steps=steps), match=r"rows \[64, 65\) .* out of turn")
    other = plan_form(graph, "arena")
    steps = (Step(FEED, 0, 1), *other.steps)
    assert_refused(graph, replace(other, steps=steps), match="is not given so")
    assert_refused(graph, replace(plan, input_form="arena"))
    assert_refused(graph, replace(other, input_form="rows"))


def test_a_kept_input_is_never_written() -> None:
    graph = residual()
    plan = plan_form(graph, "kept")
    inside = replace(plan.rows[0], memory=plan.arenas[0].memory)
    bad = replace(plan, rows={**plan.rows, 0: inside}, arenas=(Arena("dtcm", 1 << 16),))
    assert_refused(graph, bad, match="input 0 is kept and lies in an arena")
    made = replace(plan.rows[1], memory="input 0", offset=0, pitch=15, table=None)
    bad = replace(plan, rows={**plan.rows, 1: made})
    assert_refused(graph, bad, match="tensor 1 is written into input 0")
    scratch = {**plan.scratch, 0: replace(plan.scratch[0], memory="input 0", offset=0)}
    assert_refused(graph, replace(plan, scratch=scratch), match="scratch of op 0 lies in input 0")
    assert_refused(graph, replace(plan, input_form="arena"), match="input 0, which has no arena")


def test_which_models_have_rows() -> None:
    two = make_graph([(1, 4, 4, 1)] * 3, [Whole(0, (0, 1), (2,))], [0, 1], [2])
    for form in ("arena", "kept"):
        check_input_form(two, form)  # type: ignore[arg-type]
    with pytest.raises(UsageError, match="into one input only, and net has 2"):
        check_input_form(two, "rows")
    for shape in ((1, 640), (1, 1, 20, 3)):
        with pytest.raises(UsageError, match="is no image with rows"):
            check_input_form(chain(shape, (1, 8)), "rows")


def test_a_refusal_names_the_row_at_the_peak() -> None:
    """What follows needs hardly anything: the peak is where the last row of the input comes."""
    with pytest.raises(BudgetError, match=r"The peak is (in layer 0|when row 63 of the input)"):
        plan_memory(chain((1, 64, 8, 8), (1, 4)), BOARD, max_ram=1000, input_form="rows")
