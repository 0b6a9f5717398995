"""The picture of a plan in plain text, and the table of its layers."""

from __future__ import annotations

import pytest
from hypothesis import Phase, given, settings
from plan_graphs import Rename, Whole, Window, chain, fake_kernels, graphs, make_graph

from tinydeploy.board import load_board
from tinydeploy.graph.graph import Graph
from tinydeploy.plan import draw
from tinydeploy.plan.draw import draw_plan, list_layers
from tinydeploy.plan.memory import plan_memory
from tinydeploy.plan.plan import Arena, Plan, Rows, Scratch, Step

BOARD = load_board("stm32h743")


def streamed() -> tuple[Graph, Plan]:
    """Two layers that take turns, in a memory of their own; a third; another name."""
    ops = [
        Window(0, (0,), (1,), 1, 1, 0),
        Window(1, (1,), (2,), 1, 1, 0, scratch=8),
        Whole(2, (2,), (3,)),
        Rename(3, (3,), (4,)),
    ]
    shapes = [(1, 2, 4, 2), (1, 2, 4, 2), (1, 2, 4, 2), (1, 4), (1, 2, 2)]
    graph = make_graph(shapes, ops, [0], [4])
    rows = {
        0: Rows(0, "dtcm", 0, 8, 2, 8),
        1: Rows(1, "axi", 0, 0, 2, 8, (0, 0)),
        2: Rows(2, "dtcm", 16, 8, 2, 8),
        3: Rows(3, "dtcm", 0, 4, 1, 4),
        4: Rows(4, "dtcm", 0, 4, 1, 4),
    }
    steps = (Step(0, 0, 1), Step(1, 0, 1), Step(0, 1, 2), Step(1, 1, 2), Step(2, 0, 1))
    arenas = (Arena("dtcm", 32), Arena("axi", 16))
    scratch = {1: Scratch("axi", 8, 8)}
    return graph, Plan(steps, rows, scratch, arenas, 0, fake_kernels(graph))


def test_picture_of_arenas() -> None:
    graph, plan = streamed()
    # As wide as 5 layers: 14 columns for the input, 7 for each call of two layers, 14, 14.
    high = "A" * 35 + "." * 35
    low = "A" * 21 + "." * 21 + "D" * 28
    second = "." * 35 + "C" * 21 + "." * 14
    first = "." * 21 + "C" * 35 + "." * 14
    scratch = "." * 21 + "#" * 7 + "." * 7 + "#" * 7 + "." * 28
    ring = "." * 14 + "B" * 28 + "." * 28
    assert draw_plan(graph, plan).splitlines() == [
        "dtcm: 32 bytes",
        f"       28 {second}",
        f"       24 {second}",
        f"       20 {first}",
        f"       16 {first}",
        f"       12 {high}",
        f"        8 {high}",
        f"        4 {low.replace('D', '.')}",
        f"        0 {low}",
        "axi: 16 bytes",
        f"       12 {scratch}",
        f"        8 {scratch}",
        f"        4 {ring}",
        f"        0 {ring}",
        "          |             |                           |             |",
        "          in            0-1                         2             out",
        "Peak: 32 bytes live in layer 1 (WINDOW) for rows [0, 1): tensor 0 1x2x4x2 8,",
        "tensor 1 1x2x4x2 8, scratch of layer 1 8, tensor 2 1x2x4x2 8",
    ]


def test_table_of_layers(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(draw, "step_instructions", lambda graph, plan, step: 1000 + step.op)
    assert list_layers(*streamed()).splitlines() == [
        "  layer operator              makes             bytes scratch calls instructions",
        " A      input                 1x2x4x2              16",
        "|B    0 WINDOW                1x2x4x2               8             2        2,000",
        "|C    1 WINDOW                1x2x4x2              16       8     2        2,002",
        " D    2 WHOLE                 1x4                   4             1        1,002",
        "        all layers, estimated                                     5        5,004",
    ]


def test_a_thousand_layers_share_columns() -> None:
    graph = chain(*[(1, 4096)] * 1000)
    plan = plan_memory(graph, BOARD)
    assert "Peak: 8,192 bytes live" in draw_plan(graph, plan)
    assert len(list_layers(graph, plan).splitlines()) == 1002


@settings(max_examples=30, deadline=None, phases=(Phase.explicit, Phase.reuse, Phase.generate))
@given(graph=graphs(10))
def test_no_line_is_wider_than_a_terminal(graph: Graph) -> None:
    plan = plan_memory(graph, BOARD)
    for text in (draw_plan(graph, plan), list_layers(graph, plan)):
        assert max(map(len, text.splitlines())) <= 80
