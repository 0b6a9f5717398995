"""The checker finds every plan that was made wrong on purpose, and accepts streaming plans."""

from __future__ import annotations

import itertools
import random
from dataclasses import replace

import pytest
from hypothesis import Phase, assume, given, settings
from hypothesis import strategies as st
from plan_graphs import (
    Rename,
    Whole,
    Window,
    chain,
    fake_kernels,
    fake_overlays,
    graphs,
    make_graph,
)

from tests.plan_mutations import live_rows, move_row, swap_steps
from tinydeploy.board import load_board
from tinydeploy.errors import InternalError
from tinydeploy.graph.graph import Graph
from tinydeploy.plan.alias import find_owners
from tinydeploy.plan.check import check_plan
from tinydeploy.plan.kernel import Kernel
from tinydeploy.plan.memory import plan_memory
from tinydeploy.plan.plan import Arena, Plan, Rows, Scratch, Step

BOARD = load_board("stm32h743")

# Random graphs are small as it is; to make them smaller would take minutes of planning.
PLANNED = settings(
    max_examples=40,
    deadline=None,
    phases=(Phase.explicit, Phase.reuse, Phase.generate),
)


def residual() -> Graph:
    """A residual block between two convolutions, an odd row size, a renaming, scratch."""
    ops = [
        Window(0, (0,), (1,), 3, 1, 1, scratch=30),
        Window(1, (1,), (2,), 3, 1, 1, scratch=30),
        Whole(2, (1, 2), (3,)),
        Window(3, (3,), (4,), 2, 2, 0),
        Rename(4, (4,), (5,)),
        Whole(5, (5,), (6,), scratch=40),
    ]
    shapes = [
        (1, 8, 5, 3),
        (1, 8, 5, 3),
        (1, 8, 5, 3),
        (1, 8, 5, 3),
        (1, 4, 5, 3),
        (1, 60),
        (1, 10),
    ]
    return make_graph(shapes, ops, [0], [6])


def assert_refused(graph: Graph, plan: Plan, match: str | None = None) -> None:
    with pytest.raises(InternalError, match=match):
        check_plan(graph, plan, BOARD)


def test_a_good_plan_passes() -> None:
    check_plan(residual(), plan_memory(residual(), BOARD), BOARD)


LiveRow = tuple[int, int, int, int]


def live_pairs(graph: Graph, plan: Plan) -> list[tuple[LiveRow, LiveRow]]:
    """Rows of two tensors that are needed at one time and may not give way to one another."""
    rows = live_rows(graph, plan)
    owners = find_owners(graph)
    partners = {
        ((op.outputs[0], y + overlay.shift), (owners[overlay.tensor], y))
        for op in graph.ops
        for overlay in fake_overlays(graph, op, Kernel(""))
        for y in range(graph.tensors[overlay.tensor].rows[0])
    }
    return [
        (a, b)
        for a, b in itertools.permutations(rows, 2)
        if a[0] != b[0] and a[2] < b[3] and b[2] < a[3]
        if not {(a[:2], b[:2]), (b[:2], a[:2])} & partners
    ]


def move_onto(graph: Graph, plan: Plan, a: LiveRow, b: LiveRow) -> Plan | None:
    """The plan with row a where row b lies; one byte at least of the earlier one is lost."""
    moved = move_row(plan, graph, a[0], a[1], plan.rows[b[0]].row_offset(b[1]))
    if moved is None:
        return None
    return replace(moved, arenas=(Arena(moved.arenas[0].memory, 1 << 17),))


@PLANNED
@given(graph=graphs(9), seed=st.integers(0, 2**32))
def test_a_row_moved_onto_a_live_one_is_found(graph: Graph, seed: int) -> None:
    plan = plan_memory(graph, BOARD)
    pairs = live_pairs(graph, plan)
    assume(pairs)
    moved = move_onto(graph, plan, *random.Random(seed).choice(pairs))
    assume(moved is not None)
    assert moved is not None
    assert_refused(graph, moved)


@PLANNED
@given(graph=graphs(9))
def test_an_arena_four_bytes_short_is_found(graph: Graph) -> None:
    plan = plan_memory(graph, BOARD)
    # An item's last bytes may be rounding, so cut what the highest one really needs.
    need = max(
        max(r.row_offset(y) + r.row_bytes for r in plan.rows.values() for y in range(r.height)),
        max((s.offset + s.size for s in plan.scratch.values()), default=0),
    )
    assert plan.arena_bytes - 4 < need <= plan.arena_bytes
    assert_refused(
        graph, replace(plan, arenas=(Arena(plan.arenas[0].memory, plan.arena_bytes - 4),))
    )


@PLANNED
@given(graph=graphs(9), seed=st.integers(0, 2**32))
def test_a_missing_step_is_found(graph: Graph, seed: int) -> None:
    plan = plan_memory(graph, BOARD)
    assume(plan.steps)
    gone = random.Random(seed).randrange(len(plan.steps))
    assert_refused(graph, replace(plan, steps=plan.steps[:gone] + plan.steps[gone + 1 :]))


@PLANNED
@given(graph=graphs(9), seed=st.integers(0, 2**32))
def test_a_repeated_step_is_found(graph: Graph, seed: int) -> None:
    plan = plan_memory(graph, BOARD)
    assume(plan.steps)
    twice = random.Random(seed).randrange(len(plan.steps))
    assert_refused(graph, replace(plan, steps=(*plan.steps[: twice + 1], *plan.steps[twice:])))


def test_every_order_that_reads_too_early_is_found() -> None:
    graph = residual()
    swapped = list(swap_steps(graph, plan_memory(graph, BOARD)))
    assert swapped
    for plan in swapped:
        assert_refused(graph, plan, match="is needed and|does not go on where it stopped")


def test_half_a_step_is_found() -> None:
    graph = residual()
    plan = plan_memory(graph, BOARD)
    last = plan.steps[-1]
    first = plan.steps[0]
    for bad in (Step(first.op, 0, 7), Step(first.op, 1, 8), Step(first.op, 0, 9), Step(99, 0, 1)):
        assert_refused(graph, replace(plan, steps=(bad, *plan.steps[1:])))
    assert last.last == 1


def test_a_step_of_an_op_that_only_renames_is_refused() -> None:
    graph = residual()
    plan = plan_memory(graph, BOARD)
    turn = 1 + max(number for number, step in enumerate(plan.steps) if step.op == 3)
    steps = (*plan.steps[:turn], Step(4, 0, 1), *plan.steps[turn:])
    assert_refused(graph, replace(plan, steps=steps), match="only another name")


def test_a_renamed_tensor_elsewhere_is_found() -> None:
    graph = residual()
    plan = plan_memory(graph, BOARD)
    rows = {**plan.rows, 5: replace(plan.rows[5], offset=plan.rows[5].offset + 4)}
    grown = replace(plan, rows=rows, arenas=(Arena("dtcm", 4096),))
    assert_refused(graph, grown)


@pytest.mark.parametrize("position", [0, 1, 5])
def test_scratch_on_a_live_tensor_is_found(position: int) -> None:
    graph = residual()
    plan = plan_memory(graph, BOARD)
    for tensor in (*graph.ops[position].inputs, *graph.ops[position].outputs):
        scratch = {
            **plan.scratch,
            position: replace(plan.scratch[position], offset=plan.rows[tensor].offset),
        }
        assert_refused(graph, replace(plan, scratch=scratch))


def test_missing_small_and_stray_scratch_is_found() -> None:
    graph = residual()
    plan = plan_memory(graph, BOARD)
    assert_refused(graph, replace(plan, scratch={}), match="has no scratch and needs 30 bytes")
    small = {**plan.scratch, 0: replace(plan.scratch[0], size=28)}
    assert_refused(graph, replace(plan, scratch=small), match="needs 30 bytes of aligned scratch")
    stray = {**plan.scratch, 0: Scratch("axi", 0, 32)}
    assert_refused(graph, replace(plan, scratch=stray), match="axi, which has no arena")


@pytest.mark.parametrize(
    ("change", "match"),
    [
        ({"height": 7}, "not of its shape"),
        ({"row_bytes": 14}, "not of its shape"),
        ({"tensor": 2}, "not of its shape"),
        ({"pitch": 16}, "the host's"),
        ({"offset": 2}, "the host's"),
        ({"table": tuple(range(0, 32 * 8, 32))}, "the host's"),
        ({"table": (0, 16)}, "wrong length"),
        ({"table": (0, 15, 30, 45, 60, 75, 90, 105)}, "odd offset"),
        ({"memory": "nowhere"}, "no arena"),
    ],
)
def test_a_place_of_another_shape_is_found(change: dict[str, object], match: str) -> None:
    graph = residual()
    plan = plan_memory(graph, BOARD)
    rows = {**plan.rows, 0: replace(plan.rows[0], **change)}  # type: ignore[arg-type]
    assert_refused(graph, replace(plan, rows=rows), match=match)


def test_a_tensor_without_place_is_found() -> None:
    graph = residual()
    plan = plan_memory(graph, BOARD)
    rows = {t: r for t, r in plan.rows.items() if t != 2}
    assert_refused(graph, replace(plan, rows=rows), match="tensor 2 has no place")


def test_arenas_belong_to_memories_of_the_board() -> None:
    graph = chain((1, 8), (1, 8))
    plan = plan_memory(graph, BOARD)
    for arenas, match in (
        ((Arena("flash", 16),), "may hold an arena"),
        ((Arena("dtcm", 1 << 20),), "larger than memory"),
        ((Arena("dtcm", 16), Arena("dtcm", 16)), "two arenas"),
    ):
        assert_refused(graph, replace(plan, arenas=arenas), match=match)


def ring_plan(slots: int) -> tuple[Graph, Plan]:
    """Two 3x3 windows, the tensor between them kept in a ring of rows."""
    height, row = 8, 12
    ops = [Window(0, (0,), (1,), 3, 1, 1), Window(1, (1,), (2,), 3, 1, 1)]
    graph = make_graph([(1, height, 4, 3)] * 3, ops, [0], [2])
    whole = height * row
    table = tuple(2 * whole + y % slots * row for y in range(height))
    rows = {
        0: Rows(0, "dtcm", 0, row, height, row),
        1: Rows(1, "dtcm", 2 * whole, row, height, row, table),
        2: Rows(2, "dtcm", whole, row, height, row),
    }
    steps = [Step(0, 0, 1)]
    for y in range(height):
        if y + 1 < height:
            steps.append(Step(0, y + 1, y + 2))
        steps.append(Step(1, y, y + 1))
    arenas = (Arena("dtcm", 2 * whole + slots * row),)
    return graph, Plan(tuple(steps), rows, {}, arenas, 0, fake_kernels(graph))


def test_a_ring_of_three_rows_is_enough_for_a_window_of_three() -> None:
    graph, plan = ring_plan(3)
    check_plan(graph, plan, BOARD)


def test_a_ring_of_two_rows_is_not() -> None:
    graph, plan = ring_plan(2)
    assert_refused(
        graph, plan, match=r"byte 0 of row 0 of tensor 1 is needed and holds byte 24 of tensor 1"
    )


def in_place_plan(offset: int, *, later: bool = False) -> tuple[Graph, Plan]:
    """A window of three rows whose output begins `offset` bytes behind its input."""
    height, row = 6, 8
    ops = [
        Window(0, (0,), (1,), 1, 1, 0),
        Window(1, (1,), (2,), 3, 1, 1, over=True),
        Window(2, (1 if later else 2,), (3,), 1, 1, 0),
    ]
    graph = make_graph([(1, height, 4, 2)] * 4, ops, [0], [3])
    size = height * row
    starts = (0, size + row, size + row + offset, 2 * size + row)
    rows = {t: Rows(t, "dtcm", start, row, height, row) for t, start in enumerate(starts)}
    steps = tuple(Step(k, 0, height) for k in range(3))
    return graph, Plan(steps, rows, {}, (Arena("dtcm", 4 * size),), 0, fake_kernels(graph))


def test_rows_may_take_the_place_of_others_that_a_kernel_has_read() -> None:
    check_plan(*in_place_plan(-8), BOARD)


@pytest.mark.parametrize("offset", [-16, -12, -4, 0, 4, 8])
def test_rows_elsewhere_over_an_input_are_found(offset: int) -> None:
    assert_refused(*in_place_plan(offset), match="is needed and holds byte .* of tensor 2")


def test_rows_over_an_input_that_others_read_are_found() -> None:
    assert_refused(*in_place_plan(-8, later=True), match="is needed and holds byte .* of tensor 2")


def test_rows_may_take_the_place_of_others_under_another_name() -> None:
    ops = [
        Window(0, (0,), (1,), 1, 1, 0),
        Rename(1, (1,), (2,)),
        Window(2, (2,), (3,), 1, 1, 0, over=True),
        Window(3, (3,), (4,), 1, 1, 0),
    ]
    graph = make_graph([(1, 1, 3, 4), (1, 1, 3, 4), (1, 12), (1, 12), (1, 12)], ops, [0], [4])
    rows = {t: Rows(t, "dtcm", offset, 12, 1, 12) for t, offset in enumerate((0, 12, 12, 12, 0))}
    steps = tuple(Step(op, 0, 1) for op in (0, 2, 3))
    plan = Plan(steps, rows, {}, (Arena("dtcm", 24),), 0, fake_kernels(graph))
    check_plan(graph, plan, BOARD)


def test_pieces_go_downwards_where_rows_take_the_place_of_others() -> None:
    graph, plan = in_place_plan(-8)
    down = (Step(0, 0, 6), Step(1, 0, 2), Step(1, 2, 6), Step(2, 0, 6))
    check_plan(graph, replace(plan, steps=down), BOARD)
    up = (Step(0, 0, 6), Step(1, 2, 6), Step(1, 0, 2), Step(2, 0, 6))
    assert_refused(graph, replace(plan, steps=up))


def sum_plan() -> tuple[Graph, Plan]:
    """An op that sums up rows of its input, which another makes two at a time."""
    ops = [Window(0, (0,), (1,), 1, 1, 0), Whole(1, (1,), (2,))]
    graph = make_graph([(1, 6, 4, 2), (1, 6, 4, 2), (1, 8)], ops, [0], [2])
    kernels = {0: Kernel("fake_s8"), 1: Kernel("fake_s8", 32, accumulates=True)}
    table = (48, 56) * 3
    rows = {
        0: Rows(0, "dtcm", 0, 8, 6, 8),
        1: Rows(1, "dtcm", 48, 0, 6, 8, table),
        2: Rows(2, "dtcm", 96, 8, 1, 8),
    }
    steps = tuple(Step(op, y, y + 2) for y in (0, 2, 4) for op in (0, 1))
    scratch = {1: Scratch("dtcm", 64, 32)}
    return graph, Plan(steps, rows, scratch, (Arena("dtcm", 104),), 0, kernels)


def test_sums_of_rows_need_no_more_than_the_rows_of_a_call() -> None:
    check_plan(*sum_plan(), BOARD)


def test_sums_that_are_overwritten_are_found() -> None:
    graph, plan = sum_plan()
    wrong = {1: Scratch("dtcm", 40, 32)}
    rows = {**plan.rows, 1: replace(plan.rows[1], offset=64, table=(64, 72) * 3)}
    assert_refused(graph, replace(plan, scratch={1: Scratch("dtcm", 64, 32)}, rows=rows))
    assert_refused(graph, replace(plan, scratch=wrong))


def test_sums_in_the_wrong_order_are_found() -> None:
    graph, plan = sum_plan()
    steps = list(plan.steps)
    for wrong in (steps[:1] + steps[2:], steps[2:] + steps[:2], [*steps[:2], *steps[1:]]):
        assert_refused(graph, replace(plan, steps=tuple(wrong)))
