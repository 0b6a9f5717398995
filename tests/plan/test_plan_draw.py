"""The picture of a plan."""

from __future__ import annotations

from hypothesis import given, settings
from plan_graphs import chain, graphs

from tinydeploy.board import load_board
from tinydeploy.graph.graph import Graph
from tinydeploy.plan.draw import draw_plan
from tinydeploy.plan.memory import plan_memory

BOARD = load_board("stm32h743")


def test_picture_of_a_chain() -> None:
    graph = chain((1, 4, 2, 1), (1, 4), (1, 2, 4, 1), scratch=4)
    picture = draw_plan(graph, plan_memory(graph, BOARD))
    assert picture.splitlines() == [
        "dtcm: 16 bytes; one column is 1 of 4 moments",
        "      12 .BD.",
        "       8 .CC.",
        "       4 AAEE",
        "       0 AAEE",
        "A       8 bytes, moments [0, 2): tensor 0 1x4x2x1",
        "B       4 bytes, moments [1, 2): scratch of layer 0",
        "C       4 bytes, moments [1, 3): tensor 1 1x4",
        "D       4 bytes, moments [2, 3): scratch of layer 1",
        "E       8 bytes, moments [2, 4): tensor 2 1x2x4x1",
    ]


@settings(max_examples=30, deadline=None)
@given(graph=graphs())
def test_no_line_is_wider_than_a_terminal(graph: Graph) -> None:
    picture = draw_plan(graph, plan_memory(graph, BOARD))
    assert max(map(len, picture.splitlines())) <= 80


def test_long_nets_share_columns() -> None:
    graph = chain(*[(1, 4096)] * 150)
    picture = draw_plan(graph, plan_memory(graph, BOARD))
    assert "one column is 3 of 151 moments" in picture
    assert max(map(len, picture.splitlines())) <= 80
