"""Boxes found in the emulated boards, in outputs that no net would give them."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np
import pytest
from detectors import Outputs, hostile_outputs, usual_outputs

from tests.nets import detector as detector_net
from tinydeploy.board import load_board
from tinydeploy.codegen.detection import bound_instructions
from tinydeploy.codegen.generate import generate_sources, list_kernels
from tinydeploy.emulate.emulated_board import EmulatedBoard
from tinydeploy.graph.graph import Graph
from tinydeploy.graph.passes import fuse_graph
from tinydeploy.graph.read import read_graph
from tinydeploy.link.client import BoardClient
from tinydeploy.plan.check import check_plan
from tinydeploy.plan.memory import plan_memory
from tinydeploy.plan.plan import Plan
from tinydeploy.project.build import build_firmware
from tinydeploy.project.toolchain import find_toolchain
from tinydeploy.project.write import project_files, write_project
from tinydeploy.validate.emulator import count_detection

Board = tuple[EmulatedBoard, BoardClient, Graph, Plan]


@pytest.fixture(scope="module", params=["stm32h743", "stm32l4r9"])
def board(
    request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[Board]:
    folder = tmp_path_factory.mktemp(request.param)
    target, tflite = load_board(request.param), detector_net()
    graph = fuse_graph(read_graph(tflite, "net"))
    plan = plan_memory(graph, target)
    check_plan(graph, plan, target)
    sources = generate_sources(graph, plan, target, tflite=tflite)
    kernels = list_kernels(graph, plan)
    write_project(folder, project_files(graph, plan, sources, kernels, target, selftest_crc=0))
    firmware = build_firmware(folder, target, find_toolchain())
    assert not firmware.warnings, firmware.warnings
    with EmulatedBoard(firmware.elf, target) as emulated:
        client = BoardClient(emulated.transport, attempts=240)
        client.hello()
        yield emulated, client, graph, plan


def write_outputs(emulated: EmulatedBoard, graph: Graph, plan: Plan, outputs: Outputs) -> None:
    for tensor, values in zip(graph.outputs, outputs, strict=True):
        rows = plan.rows[tensor]
        arena = emulated.image.symbols[f"{graph.name}_arena_{rows.memory}"]
        emulated.write_memory(arena + rows.offset, values.tobytes())


def test_every_byte_equals_the_reference(board: Board) -> None:
    emulated, client, graph, plan = board
    assert graph.detector is not None
    rng = np.random.default_rng(6)
    cases = [("usual", usual_outputs(graph.detector, rng)) for _ in range(10)]
    for name, outputs in (*cases, *hostile_outputs(graph.detector, rng)):
        write_outputs(emulated, graph, plan, outputs)
        found = client.read_output(len(graph.outputs))
        assert found == graph.detector.pack(outputs).tobytes(), name
        for place, values in enumerate(outputs):  # they are what they were
            assert client.read_output(place) == values.tobytes(), name


def test_time_is_bounded(board: Board) -> None:
    """By what docs/detection.md says: a look at every anchor, and what candidates take."""
    emulated, client, graph, plan = board
    assert graph.detector is not None
    spec = graph.detector.spec
    found = {}
    for name, outputs in hostile_outputs(graph.detector, np.random.default_rng(7)):
        write_outputs(emulated, graph, plan, outputs)
        count = count_detection(emulated, client, graph)
        assert count is not None
        found[name] = count
    most = bound_instructions(spec)
    assert most / 3 < max(found.values()) <= most
    assert found["all background"] < spec.anchor_count * (10 + 8 * (len(spec.classes) + 1))
    assert found["all background"] == min(found.values())
