"""EtinyNet's detector of 256x256 pictures as firmware: three minutes of emulation a board."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from detectors import VOC

from tests.nets import etinynet_ssd
from tinydeploy.board import load_board
from tinydeploy.codegen.generate import generate_sources, list_kernels
from tinydeploy.graph.passes import fuse_graph
from tinydeploy.graph.read import read_graph
from tinydeploy.plan.memory import plan_memory
from tinydeploy.project.build import build_firmware
from tinydeploy.project.selftest import selftest_inputs
from tinydeploy.project.toolchain import find_toolchain
from tinydeploy.project.write import project_files, write_project
from tinydeploy.validate.boxes import find_boxes
from tinydeploy.validate.emulator import run_emulator
from tinydeploy.validate.prove import Expectation
from tinydeploy.validate.reference import run_reference


@pytest.mark.slow
@pytest.mark.parametrize(
    ("board_name", "most"), [("stm32h743", 184_000_000), ("stm32l4r9", 171_000_000)]
)
def test_every_byte_of_a_run(tmp_path: Path, board_name: str, most: int) -> None:
    """All stored tensors, outputs and boxes, of one input and of the self-test's."""
    tflite, board = etinynet_ssd(VOC), load_board(board_name)
    unfused = read_graph(tflite, "net")
    graph = fuse_graph(unfused)
    shape = graph.tensors[graph.inputs[0]].shape
    tested = np.frombuffer(selftest_inputs([int(np.prod(shape))])[0], np.int8)
    given = np.random.default_rng(0).integers(-128, 128, shape).astype(np.int8)
    vectors = np.stack([given, tested.reshape(shape)])
    run = run_reference(tflite, [vectors], intermediates=True)
    boxes = find_boxes(unfused, run.outputs)
    expectation = Expectation(
        vectors=(vectors[:1],),
        outputs=tuple(values[:1] for values in run.outputs),
        tensors=run.tensors,
        selftest_outputs=tuple(values[1].tobytes() for values in run.outputs),
        reference=run.version,
        boxes=tuple(values[:1] for values in boxes),
        selftest_boxes=tuple(values[1].tobytes() for values in boxes),
    )
    plan = plan_memory(graph, board)
    sources = generate_sources(graph, plan, board, tflite=tflite)
    kernels = list_kernels(graph, plan)
    crc = expectation.selftest_crc
    write_project(tmp_path, project_files(graph, plan, sources, kernels, board, selftest_crc=crc))
    firmware = build_firmware(tmp_path, board, find_toolchain())
    found = run_emulator(firmware.elf, board, graph, plan, expectation, lambda _: None)
    assert found.comparison.bit_exact, found.comparison.first_difference
    assert found.comparison.tensors_compared == len(graph.ops)
    assert most * 0.98 < found.instructions <= most
    assert found.detection_instructions is not None
    assert found.detection_instructions < most / 100
