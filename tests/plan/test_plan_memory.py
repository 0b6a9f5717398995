"""Lifetimes, places and memories of small graphs, by hand."""

from __future__ import annotations

from dataclasses import replace

import pytest
from hypothesis import given, settings
from plan_graphs import Rename, Whole, Window, chain, fake_variants, graphs, make_graph

from tinydeploy.board import Board, load_board
from tinydeploy.errors import BudgetError
from tinydeploy.graph.graph import Graph
from tinydeploy.plan.check import check_plan
from tinydeploy.plan.lifetimes import find_blocks
from tinydeploy.plan.memory import DATA_RESERVE, plan_for_host, plan_memory
from tinydeploy.plan.net import make_net, round_up
from tinydeploy.plan.partition import Partitioner
from tinydeploy.plan.plan import Step
from tinydeploy.plan.schedule import schedule_groups

BOARD = load_board("stm32h743")


def lives(graph: Graph) -> dict[int | str, tuple[int, int, int]]:
    """(birth, death, bytes) of every tensor and scratch, layer by layer."""
    net = make_net(graph, fake_variants(graph))
    whole = Partitioner(net).layer_by_layer()
    events = schedule_groups(net, whole.groups)
    return {
        block.places[0].store if block.node is None else f"scratch {net.nodes[block.node].op}": (
            block.birth,
            block.death,
            round_up(block.size),
        )
        for block in find_blocks(net, whole.kernels, events)
    }


def test_lives_of_a_chain() -> None:
    graph = chain((1, 4, 4, 1), (1, 2, 2, 2), (1, 5), scratch=9)
    assert lives(graph) == {
        0: (0, 2, 16),
        1: (1, 3, 8),
        2: (2, 4, 8),
        "scratch 0": (1, 2, 12),
        "scratch 1": (2, 3, 12),
    }


def test_a_renamed_tensor_lives_in_its_source() -> None:
    ops = [
        Rename(0, (0,), (1,)),
        Rename(1, (1,), (2,)),
        Whole(2, (2,), (3,)),
        Rename(3, (3,), (4,)),
    ]
    graph = make_graph([(1, 2, 2, 2), (1, 8), (1, 1, 1, 8), (1, 4, 4, 1), (1, 16)], ops, [0], [4])
    assert lives(graph) == {0: (0, 2, 8), 3: (1, 3, 16)}
    plan = plan_memory(graph, BOARD)
    assert plan.steps == (Step(2, 0, 4),)
    assert plan.rows[0].offset == plan.rows[1].offset == plan.rows[2].offset
    assert plan.rows[3].offset == plan.rows[4].offset
    assert (plan.rows[4].height, plan.rows[4].row_bytes) == (1, 16)
    check_plan(graph, plan, BOARD)


def test_a_model_that_only_renames_needs_no_step() -> None:
    graph = make_graph([(1, 2, 2, 2), (1, 8)], [Rename(0, (0,), (1,))], [0], [1])
    plan = plan_memory(graph, BOARD)
    assert plan.steps == ()
    assert plan.arena_bytes == 8
    check_plan(graph, plan, BOARD)


def test_a_dead_input_is_overwritten() -> None:
    plan = plan_memory(chain((1, 100), (1, 10), (1, 100)), BOARD)
    assert plan.arena_bytes == 112
    assert plan.rows[0].offset == plan.rows[2].offset


def test_the_host_writes_all_inputs_before_the_first_step() -> None:
    graph = make_graph([(1, 8), (1, 12), (1, 4)], [Whole(0, (0,), (2,))], [0, 1], [2])
    plan = plan_memory(graph, BOARD)
    assert plan.arena_bytes == 20
    check_plan(graph, plan, BOARD)


def test_an_early_output_lives_to_the_end() -> None:
    ops = [Whole(0, (0,), (1,)), Whole(1, (1,), (2,)), Whole(2, (2,), (3,))]
    graph = make_graph([(1, 16), (1, 20), (1, 16), (1, 16)], ops, [0], [1, 3])
    assert lives(graph)[1] == (1, 5, 20)
    check_plan(graph, plan_memory(graph, BOARD), BOARD)


def test_a_dead_end_has_a_place_while_it_is_made() -> None:
    ops = [Whole(0, (0,), (1,)), Whole(1, (0,), (2,))]
    graph = make_graph([(1, 16), (1, 20), (1, 16)], ops, [0], [2])
    assert lives(graph)[1] == (1, 2, 20)
    check_plan(graph, plan_memory(graph, BOARD), BOARD)


def test_rows_are_unpadded_and_tensors_aligned() -> None:
    plan = plan_memory(chain((1, 5, 3, 1), (1, 3, 3, 3), (1, 7, 1, 1)), BOARD)
    for rows in plan.rows.values():
        assert rows.pitch == rows.row_bytes
        assert rows.offset % 4 == 0


@pytest.mark.parametrize(
    ("size", "memory"),
    [
        (131072 - DATA_RESERVE - 4, "dtcm"),
        (131072 - DATA_RESERVE + 4, "axi"),
        (524288 - 4, "axi"),
    ],
)
def test_the_first_memory_with_room_is_taken(size: int, memory: str) -> None:
    plan = plan_memory(chain((1, size), (1, 4)), BOARD)
    assert [arena.memory for arena in plan.arenas] == [memory]
    assert plan.arena_bytes == size + 4


def test_over_budget_names_layer_tensors_and_advice() -> None:
    graph = chain((1, 8), (1, 512, 1024, 1), (1, 600_000), (1, 4), scratch=100)
    with pytest.raises(BudgetError) as caught:
        plan_memory(graph, BOARD)
    error = caught.value
    needed, rooms = (
        512 * 1024 + 600_000 + 100,
        "dtcm 118784, axi 524288, sram123 294912, sram4 65536",
    )
    assert f"{needed} bytes" in error.message
    assert f"of NUCLEO-H743ZI2 have room for 1003520 bytes ({rooms})" in error.message
    assert f"{needed - 1003520} bytes are missing" in error.message
    assert "The peak is in layer 1 (WHOLE), with" in error.message
    assert (
        "tensor 2 (t2, 1x600000) 600000, tensor 1 (t1, 1x512x1024x1) 524288, scratch 100"
        in error.message
    )
    assert "resolution" in error.hint
    assert error.exit_code == 3


def test_a_tensor_that_no_memory_holds() -> None:
    with pytest.raises(BudgetError) as caught:
        plan_memory(chain((1, 8), (1, 600_000), (1, 4)), BOARD)
    assert "cannot be shared out among the memories of NUCLEO-H743ZI2" in caught.value.message
    assert "the largest of which has room for 524288 bytes: 75720 bytes are missing" in (
        caught.value.message
    )


def test_the_only_memory_is_named() -> None:
    board = load_board("stm32l4r9")
    with pytest.raises(BudgetError, match="DISCO, sram, has room for 643072 bytes"):
        plan_memory(chain((1, 600_000), (1, 50_000)), board)


def test_over_budget_without_a_layer() -> None:
    graph = make_graph([(1, 1 << 20), (1, 1 << 20)], [Rename(0, (0,), (1,))], [0], [1])
    with pytest.raises(BudgetError, match="when inputs are written"):
        plan_memory(graph, BOARD)


def test_the_host_has_room_for_everything() -> None:
    graph = chain((1, 1 << 22), (1, 1 << 22), scratch=4)
    plan = plan_for_host(graph)
    assert plan.arena_bytes == plan.lower_bound_bytes == (1 << 23) + 4
    check_plan(graph, plan, None)


def test_max_ram_limits_the_arena() -> None:
    graph = chain((1, 1000), (1, 1000))
    assert plan_memory(graph, BOARD, max_ram=2000).arena_bytes == 2000
    with pytest.raises(BudgetError, match=r"the arena may have 1999 bytes: 1 bytes are missing"):
        plan_memory(graph, BOARD, max_ram=1999)


@settings(max_examples=150, deadline=None)
@given(graph=graphs())
def test_every_plan_passes_the_checker(graph: Graph) -> None:
    plan = plan_memory(graph, BOARD)
    check_plan(graph, plan, BOARD)
    assert plan.lower_bound_bytes <= plan.arena_bytes
    assert set(plan.rows) == set(graph.stored)


@settings(max_examples=20, deadline=None)
@given(graph=graphs())
def test_the_same_graph_gets_the_same_plan(graph: Graph) -> None:
    assert plan_memory(graph, BOARD) == plan_memory(graph, BOARD)


def test_a_board_without_room_for_data_keeps_the_reserve() -> None:
    board = load_board("stm32l4r9")
    small = replace(
        board, memories=tuple(replace(m, size=DATA_RESERVE + 64) for m in board.memories)
    )
    assert plan_memory(chain((1, 32), (1, 32)), small).arena_bytes == 64
    with pytest.raises(BudgetError):
        plan_memory(chain((1, 32), (1, 36)), small)


def test_windows_read_what_they_need(board: Board) -> None:
    ops = [Window(0, (0,), (1,), kernel=3, stride=2, pad=1, scratch=50)]
    graph = make_graph([(1, 9, 4, 2), (1, 5, 4, 2)], ops, [0], [1])
    check_plan(graph, plan_memory(graph, board), board)


def test_a_chain_of_windows_runs_in_place() -> None:
    """Every tensor over the one before, one row further up: one tensor and a row a window."""
    ops = [
        Window(0, (0,), (1,)),
        *(Window(k, (k,), (k + 1,), 3, 1, 1, over=True) for k in (1, 2, 3)),
    ]
    ops.append(Window(4, (4,), (5,), 16, 16, 0))
    graph = make_graph([(1, 16, 8, 8)] * 5 + [(1, 1, 8, 8)], ops, [0], [5])
    plan = plan_memory(graph, BOARD, optimize="speed")
    check_plan(graph, plan, BOARD)
    assert [step.first for step in plan.steps] == [0] * 5
    assert plan.arena_bytes <= 2 * 1024 + 3 * 64 + 64


def test_an_op_runs_with_the_fastest_kernel_that_fits() -> None:
    graph = make_graph(
        [(1, 8, 4, 4)] * 3,
        [Window(k, (k,), (k + 1,), scratch=200, elastic=True) for k in range(2)],
        [0],
        [2],
    )
    fast = plan_memory(graph, BOARD, optimize="speed")
    assert {kernel.scratch_bytes for kernel in fast.kernels.values()} == {200}
    assert fast.arena_bytes > 300
    small = plan_memory(graph, BOARD, max_ram=270)
    assert small.arena_bytes <= 270
    assert {kernel.scratch_bytes for kernel in small.kernels.values()} == {100}
    check_plan(graph, small, BOARD)


def test_rows_stream_through_a_chain() -> None:
    ops = [Window(k, (k,), (k + 1,), 3, 1, 1) for k in range(6)]
    graph = make_graph([(1, 40, 1, 4)] + [(1, 40, 8, 8)] * 5 + [(1, 40, 1, 4)], ops, [0], [6])
    # Of five tensors of 40 rows of 64 bytes each, two rows at rest and one or two in the making.
    needed = 160 + 64 * (5 * 2 + 3) + 64
    plan = plan_memory(graph, BOARD, max_ram=needed)
    check_plan(graph, plan, BOARD)
    assert plan.arena_bytes <= needed
    assert plan.lower_bound_bytes <= plan.arena_bytes
