"""What a plan's places look like over time, read back from the plan."""

from __future__ import annotations

import numpy as np
from hypothesis import given, settings
from plan_graphs import Rename, Whole, Window, fake_kernels, graphs, make_graph

from tinydeploy.board import load_board
from tinydeploy.graph.graph import Graph
from tinydeploy.plan.memory import plan_memory
from tinydeploy.plan.occupancy import Occupant, Rectangle, count_bytes, find_occupants
from tinydeploy.plan.plan import Arena, Plan, Rows, Scratch, Step

BOARD = load_board("stm32h743")


def test_rows_in_a_ring_and_a_renamed_output() -> None:
    ops = [Window(0, (0,), (1,), 1, 1, 0), Whole(1, (1,), (2,), scratch=8), Rename(2, (2,), (3,))]
    graph = make_graph([(1, 3, 4, 1), (1, 3, 4, 1), (1, 4), (1, 2, 2, 1)], ops, [0], [3])
    rows = {
        0: Rows(0, "dtcm", 0, 4, 3, 4),
        1: Rows(1, "dtcm", 0, 0, 3, 4, (12, 16, 0)),
        2: Rows(2, "dtcm", 20, 4, 1, 4),
        3: Rows(3, "dtcm", 20, 2, 2, 2),
    }
    steps = (Step(0, 0, 2), Step(0, 2, 3), Step(1, 0, 1))
    scratch = {1: Scratch("dtcm", 4, 8)}
    plan = Plan(steps, rows, scratch, (Arena("dtcm", 24),), 0, fake_kernels(graph))
    assert find_occupants(graph, plan) == [
        Occupant("dtcm", 0, None, (Rectangle(0, 8, 0, 2), Rectangle(8, 12, 0, 3))),
        Occupant("dtcm", 1, None, (Rectangle(12, 20, 1, 4), Rectangle(0, 4, 2, 4))),
        Occupant("dtcm", None, 1, (Rectangle(4, 12, 3, 4),)),
        Occupant("dtcm", 2, None, (Rectangle(20, 24, 3, 5),)),
    ]


def test_bytes_at_each_moment() -> None:
    rectangles = [Rectangle(0, 8, 0, 2), Rectangle(8, 12, 1, 3)]
    assert count_bytes(rectangles, 4) == [8, 12, 4, 0]


@settings(max_examples=60, deadline=None)
@given(graph=graphs(8))
def test_nothing_overlaps_but_what_hands_its_place_over(graph: Graph) -> None:
    plan = plan_memory(graph, BOARD)
    moments = len(plan.steps) + 2
    taken = np.zeros((moments, plan.arena_bytes), np.int64)
    for occupant in find_occupants(graph, plan):
        assert occupant.most_bytes <= plan.arena_bytes
        for r in occupant.rectangles:
            assert 0 <= r.begin < r.end <= plan.arena_bytes and 0 <= r.birth < r.death <= moments
            # A row and the one that takes its place share the moment at which that happens.
            taken[r.birth : r.death, r.begin : r.end] += 2
            if r.birth:
                taken[r.birth, r.begin : r.end] -= 1
            if r.death < moments:
                taken[r.death - 1, r.begin : r.end] -= 1
    assert taken.max(initial=0) <= 2
