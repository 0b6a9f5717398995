"""Hot bytes lie in fast memory; what no memory alone holds lies in several."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from plan_graphs import Whole, Window, chain, graphs, make_graph

from tinydeploy.board import Board, Memory, load_board
from tinydeploy.errors import BudgetError
from tinydeploy.graph.graph import Graph
from tinydeploy.plan.check import check_plan
from tinydeploy.plan.memory import DATA_RESERVE, plan_memory

H743 = load_board("stm32h743")


def board_with(rooms: Mapping[str, int]) -> Board:
    """A board whose arena memories have so much room; the first holds the stack, too."""
    memories = [H743.code_memory]
    for number, (name, room) in enumerate(rooms.items()):
        size = room + (0 if number else DATA_RESERVE)
        use = ("arena",) if number else ("data", "arena")
        address = 0x2000_0000 + 0x100_0000 * number
        memories.append(Memory(name, address, size, "rw", use, (), None))
    return replace(H743, memories=tuple(memories))


def sizes(graph: Graph, board: Board, **options: object) -> dict[str, int]:
    plan = plan_memory(graph, board, **options)  # type: ignore[arg-type]
    check_plan(graph, plan, board)
    return {arena.memory: arena.size for arena in plan.arenas}


# An input that only the slow memory holds, and ops with scratch; 24,500 bytes in one arena.
LARGE_INPUT = make_graph(
    [(1, 8, 1, 2000), (1, 8, 1, 1000), (1, 1, 1, 40), (1, 40)],
    [Whole(0, (0,), (1,), 500), Whole(1, (1,), (2,), 900), Whole(2, (2,), (3,), 40)],
    [0],
    [3],
)


def test_what_the_fastest_memory_holds_stays_there() -> None:
    assert sizes(LARGE_INPUT, board_with({"fast": 30_000, "slow": 30_000})) == {"fast": 24_500}


def test_scratch_moves_to_the_fastest_memory() -> None:
    board = board_with({"fast": 2_000, "slow": 30_000})
    plan = plan_memory(LARGE_INPUT, board, optimize="speed")
    check_plan(LARGE_INPUT, plan, board)
    assert {scratch.memory for scratch in plan.scratch.values()} == {"fast"}
    assert plan.rows[0].memory == plan.rows[1].memory == "slow"
    assert plan.rows[3].memory == "fast"


@pytest.mark.parametrize(("optimize", "most"), [("balanced", 1.0), ("ram", 1.0), ("speed", 1.5)])
def test_ram_grows_for_speed_alone(optimize: str, most: float) -> None:
    board = board_with({"fast": 2_000, "slow": 30_000})
    found = sizes(LARGE_INPUT, board, optimize=optimize)
    one = sizes(LARGE_INPUT, board_with({"slow": 30_000}), optimize=optimize)
    assert sum(found.values()) <= one["slow"] * most
    # The scratch of the peak, 500 bytes, only moves; that of 900 bytes elsewhere would come on top.
    assert found["fast"] == {"balanced": 500, "ram": 500, "speed": 940}[optimize]


def test_a_few_bytes_do_not_get_an_arena() -> None:
    board = board_with({"fast": 2_000, "slow": 30_000})
    assert sizes(chain((1, 20_000), (1, 8), scratch=16), board, optimize="speed") == {
        "slow": 20_024
    }


def test_max_ram_counts_for_all_arenas_together() -> None:
    board = board_with({"fast": 2_000, "slow": 30_000})
    found = sizes(LARGE_INPUT, board, optimize="speed", max_ram=19_700)
    assert sum(found.values()) <= 19_700
    with pytest.raises(BudgetError):
        plan_memory(LARGE_INPUT, board, max_ram=16_000)


def test_what_no_memory_holds_lies_in_several() -> None:
    """Three tensors at once, of which each memory holds one; scratch where there is room."""
    ops = [Whole(0, (0,), (1,)), Whole(1, (0, 1), (2,), scratch=100)]
    graph = make_graph([(1, 1000), (1, 900), (1, 800)], ops, [0], [2])
    board = board_with({"a": 900, "b": 800, "c": 1100})
    plan = plan_memory(graph, board)
    check_plan(graph, plan, board)
    assert {plan.rows[tensor].memory for tensor in range(3)} == {"a", "b", "c"}
    assert plan.rows[0].memory == "c"
    assert plan.scratch[1].memory == "c"
    assert plan.arena_bytes == 2800


def test_rows_that_take_the_place_of_others_share_their_memory() -> None:
    ops = [
        Window(0, (0,), (1,)),
        *(Window(k, (k,), (k + 1,), 3, 1, 1, over=True) for k in (1, 2, 3)),
    ]
    ops.append(Window(4, (4,), (5,), 16, 16, 0))
    graph = make_graph([(1, 16, 8, 8)] * 5 + [(1, 1, 8, 8)], ops, [0], [5])
    board = board_with({"a": 900, "b": 1200})
    plan = plan_memory(graph, board)
    check_plan(graph, plan, board)
    assert len({plan.rows[tensor].memory for tensor in (1, 2, 3, 4)}) == 1


def test_a_tensor_larger_than_every_memory_is_refused() -> None:
    with pytest.raises(BudgetError):
        plan_memory(chain((1, 1000), (1, 4)), board_with({"a": 900, "b": 900}))


@settings(max_examples=50, deadline=None)
@given(graph=graphs(), shares=st.lists(st.floats(0.2, 0.9), min_size=2, max_size=3))
def test_every_spread_plan_passes_the_checker(graph: Graph, shares: list[float]) -> None:
    """Memories that each hold a share of the arena: refused, or laid out within them."""
    needed = plan_memory(graph, H743).arena_bytes
    rooms = {f"m{number}": int(needed * share) // 4 * 4 for number, share in enumerate(shares)}
    if not all(rooms.values()):
        return
    board = board_with(rooms)
    try:
        plan = plan_memory(graph, board)
    except BudgetError:
        return
    check_plan(graph, plan, board)
    assert all(arena.size <= rooms[arena.memory] for arena in plan.arenas)
    assert plan_memory(graph, board) == plan
