"""Plans of real models, made wrong on purpose: the checker finds every one."""

from __future__ import annotations

import random
from collections.abc import Iterator
from itertools import islice
from pathlib import Path

import pytest

from tests.plan_mutations import move_rows, move_scratch, shorten_arenas, swap_steps
from tinydeploy.board import load_board
from tinydeploy.errors import InternalError
from tinydeploy.graph.graph import Graph
from tinydeploy.graph.passes import fuse_graph
from tinydeploy.graph.read import read_graph
from tinydeploy.plan.check import check_plan
from tinydeploy.plan.memory import plan_memory
from tinydeploy.plan.plan import InputForm, Plan

BOARD = load_board("stm32h743")
CASES: list[tuple[str, InputForm]] = [
    ("mlperf_tiny_kws", "arena"),
    ("mlperf_tiny_kws", "rows"),
    ("mlperf_tiny_ic", "arena"),
    ("mlperf_tiny_ic", "kept"),
    ("person_detect", "arena"),
]


@pytest.fixture(scope="module", params=CASES, ids="-".join)
def planned(request: pytest.FixtureRequest, shared_data: Path) -> tuple[Graph, Plan]:
    name, form = request.param
    tflite = (shared_data / "models" / f"{name}_int8.tflite").read_bytes()
    graph = fuse_graph(read_graph(tflite, name))
    plan = plan_memory(graph, BOARD, input_form=form)
    check_plan(graph, plan, BOARD)
    return graph, plan


def assert_all_refused(graph: Graph, plans: Iterator[Plan], least: int) -> None:
    count = 0
    for plan in plans:
        count += 1
        with pytest.raises(InternalError, match="the memory plan"):
            check_plan(graph, plan, BOARD)
    assert count >= least


def test_rows_on_live_rows(planned: tuple[Graph, Plan]) -> None:
    graph, plan = planned
    assert_all_refused(graph, islice(move_rows(graph, plan, random.Random(0)), 30), 30)


def test_scratch_on_live_rows(planned: tuple[Graph, Plan]) -> None:
    graph, plan = planned
    assert_all_refused(graph, islice(move_scratch(graph, plan, random.Random(1)), 30), 30)


def test_arenas_four_bytes_short(planned: tuple[Graph, Plan]) -> None:
    graph, plan = planned
    assert_all_refused(graph, shorten_arenas(plan), len(plan.arenas))


def test_steps_swapped(planned: tuple[Graph, Plan]) -> None:
    graph, plan = planned
    assert_all_refused(graph, islice(swap_steps(graph, plan), 40), 5)
