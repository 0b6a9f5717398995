"""The flash that `tinydeploy plan` names before there is an image, held against images."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.model_builder import ModelBuilder, add_lstm
from tinydeploy.board import load_board
from tinydeploy.cli.console import StageView
from tinydeploy.codegen.generate import list_kernels
from tinydeploy.graph.passes import fuse_graph
from tinydeploy.graph.read import read_graph
from tinydeploy.pipeline import BuildRequest, build_image, plan_model
from tinydeploy.plan.flash import estimate_flash

QUIET = StageView(quiet=True)


@pytest.mark.parametrize("name", ["hello_world_int8", "mlperf_tiny_kws_int8"])
def test_an_image_takes_about_as_much(shared_data: Path, name: str) -> None:
    """The smallest image there is, and one of many kernels."""
    model = str(shared_data / "models" / f"{name}.tflite")
    request = BuildRequest("stm32h743", model, keep=False, emulate=False)
    planned = plan_model(request, QUIET)
    kernels = len(list_kernels(planned.graph, planned.plan))
    found = estimate_flash(planned.graph, planned.board, kernels=kernels)
    image = build_image(request, QUIET).report.memory.flash_bytes
    assert found.image == pytest.approx(image, rel=0.05)


def test_weights_of_other_operators_than_convolutions_count() -> None:
    b = ModelBuilder(0)
    x = b.input((4, 20))
    y = b.activation((1, 4, 30), 1 / 128, 0, "y")
    add_lstm(b.writer, b.rng, x, y)
    graph = fuse_graph(read_graph(b.finish([y]), "net"))
    weights, biases = 4 * 30 * (20 + 30), 4 * 30
    assert estimate_flash(graph, load_board("stm32h743")).constants == weights + biases
