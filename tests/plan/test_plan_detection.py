"""Where a detector's candidates lie: beside the outputs. The checker sees where they do not."""

from __future__ import annotations

from dataclasses import replace

import pytest

from tests.nets import SMALL_DETECTOR, classifier, detector
from tinydeploy.board import load_board
from tinydeploy.errors import BudgetError, InternalError
from tinydeploy.graph.graph import Graph
from tinydeploy.graph.passes import fuse_graph
from tinydeploy.graph.read import read_graph
from tinydeploy.plan.check import check_plan
from tinydeploy.plan.memory import plan_for_host, plan_memory
from tinydeploy.plan.plan import InputForm

BOARD = load_board("stm32h743")
MANY = replace(SMALL_DETECTOR, max_candidates=1000)


def read(model: bytes) -> Graph:
    return fuse_graph(read_graph(model, "net"))


@pytest.mark.parametrize("form", ["arena", "kept", "rows"])
def test_it_takes_room_that_there_is(form: InputForm) -> None:
    """A plan for the same layers without boxes is no smaller."""
    graph = read(detector())
    plan = plan_memory(graph, BOARD, input_form=form)
    check_plan(graph, plan, BOARD)
    assert plan.detection is not None
    assert plan.detection.size == 8 * SMALL_DETECTOR.max_candidates
    without = plan_memory(replace(graph, detector=None), BOARD, input_form=form)
    assert without.detection is None
    assert plan.arenas == without.arenas


def test_it_grows_an_arena_without_room() -> None:
    few, many = (plan_memory(read(detector(spec=s)), BOARD) for s in (SMALL_DETECTOR, MANY))
    check_plan(read(detector(spec=MANY)), many, BOARD)
    assert many.detection is not None
    assert few.arena_bytes < many.arena_bytes <= few.arena_bytes + 8 * MANY.max_candidates + 3
    with pytest.raises(BudgetError, match="8,000 bytes that reading boxes"):
        plan_memory(read(detector(spec=MANY)), BOARD, max_ram=few.arena_bytes)
    host = plan_for_host(read(detector(spec=MANY)))
    check_plan(read(detector(spec=MANY)), host, None)


def test_other_models_have_none() -> None:
    assert plan_memory(read(classifier()), BOARD).detection is None


def test_the_checker_finds_what_is_wrong() -> None:
    graph = read(detector())
    plan = plan_memory(graph, BOARD)
    place = plan.detection
    assert place is not None
    outputs = [plan.rows[tensor] for tensor in graph.outputs]
    wrong = [replace(place, offset=rows.offset) for rows in outputs]
    wrong += [replace(place, offset=rows.offset + 4 - place.size) for rows in outputs]
    wrong += [replace(place, offset=place.offset + 2), replace(place, size=place.size - 4)]
    wrong += [replace(place, offset=plan.arenas[0].size - place.size + 4)]
    wrong += [replace(place, memory="sram4")]
    for detection in (None, *wrong):
        with pytest.raises(InternalError, match="the memory plan"):
            check_plan(graph, replace(plan, detection=detection), BOARD)
