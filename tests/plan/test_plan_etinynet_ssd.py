"""The detector of 256x256 pictures keeps to its RAM: planned, not built."""

from __future__ import annotations

import pytest

from tests.nets import etinynet_ssd
from tinydeploy.board import load_board
from tinydeploy.detection.spec import AnchorSource, DetectionSpec
from tinydeploy.graph.graph import Graph
from tinydeploy.graph.passes import fuse_graph
from tinydeploy.graph.read import read_graph
from tinydeploy.plan.memory import plan_memory
from tinydeploy.plan.plan import InputForm

VOC = DetectionSpec(
    image_size=(256, 256),
    sources=tuple(
        AnchorSource(stride, tuple((side, side) for side in sides))
        for stride, sides in (
            (16, (16.0, 24.0, 32.0, 40.0, 48.0, 56.0)),
            (32, (64.0, 80.0, 96.0, 128.0, 160.0, 192.0)),
        )
    ),
    classes=tuple(f"class {number}" for number in range(20)),
)


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
