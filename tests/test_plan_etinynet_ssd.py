"""The detector of 256x256 pictures keeps to its RAM: planned, not built."""

from __future__ import annotations

import pytest

from tests.detection.detectors import VOC
from tests.nets import etinynet_ssd
from tinydeploy.board import load_board
from tinydeploy.graph.graph import Graph
from tinydeploy.graph.passes import fuse_graph
from tinydeploy.graph.read import read_graph
from tinydeploy.plan.memory import plan_memory
from tinydeploy.plan.plan import InputForm


@pytest.fixture(scope="module")
def graph() -> Graph:
    return fuse_graph(read_graph(etinynet_ssd(VOC), "ssd"))


@pytest.mark.parametrize(
    ("board", "form", "most"),
    [
        ("stm32h743", "arena", 215_000),
        ("stm32h743", "rows", 120_000),
        ("stm32l4r9", "arena", 215_000),
        pytest.param("stm32l4r9", "rows", 120_000, marks=pytest.mark.slow),
    ],
)
def test_it_keeps_to_its_ram(graph: Graph, board: str, form: InputForm, most: int) -> None:
    """Boxes included; in the first form that is the input's 196,608 bytes and little more."""
    assert graph.macs > 150_000_000
    plan = plan_memory(graph, load_board(board), input_form=form)
    assert plan.arena_bytes <= most
    assert plan.detection is not None
    assert plan.detection.size == 8 * VOC.max_candidates
