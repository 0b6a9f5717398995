"""Runs a batch of layers in the emulated boards: what cores execute in assembly."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

import numpy as np
from kernel_batch import Batch

from tinydeploy.board import load_board
from tinydeploy.codegen.generate import generate_sources, list_kernels
from tinydeploy.graph.passes import fuse_graph
from tinydeploy.graph.read import read_graph
from tinydeploy.plan.check import check_plan
from tinydeploy.plan.kernel import Optimize
from tinydeploy.plan.memory import plan_memory
from tinydeploy.project.build import build_firmware
from tinydeploy.project.selftest import selftest_crc, selftest_inputs
from tinydeploy.project.toolchain import Kind, find_toolchain
from tinydeploy.project.write import project_files, write_project
from tinydeploy.validate.emulator import run_emulator
from tinydeploy.validate.prove import Expectation
from tinydeploy.validate.reference import run_reference

BOARDS = {"cortex-m7": "stm32h743", "cortex-m4": "stm32l4r9"}


def check_emulated(
    batch: Batch,
    folder: Path,
    core: str,
    *,
    vectors: int = 4,
    optimize: Optimize = "balanced",
    toolchain: Kind | None = None,
) -> Mapping[str, int]:
    """Builds all cases into one image, runs it and compares every output with the reference.

    Returns:
        Instructions by name of the case.
    """
    model, inputs = batch.finish(vectors)
    graph = fuse_graph(read_graph(model, "batch"))
    assert len(graph.ops) == len(graph.outputs), "a case is not one layer"
    board = load_board(BOARDS[core])
    plan = plan_memory(graph, board, optimize=optimize)
    check_plan(graph, plan, board)

    raw = selftest_inputs([graph.tensors[tensor].size for tensor in graph.inputs])
    tested = [
        np.concatenate([values, np.frombuffer(data, np.int8).reshape(1, *values.shape[1:])])
        for values, data in zip(inputs, raw, strict=True)
    ]
    reference = run_reference(model, tested)
    crc = selftest_crc(values[-1].tobytes() for values in reference.outputs)
    sources = generate_sources(graph, plan, board, tflite=b"")
    kernels = list_kernels(graph, plan)
    write_project(folder, project_files(graph, plan, sources, kernels, board, selftest_crc=crc))
    firmware = build_firmware(folder, board, find_toolchain(toolchain))
    assert not firmware.warnings, firmware.warnings
    outputs = tuple(values[:-1] for values in reference.outputs)
    expectation = Expectation(tuple(inputs), outputs, {}, crc, reference.version)
    run = run_emulator(firmware.elf, board, graph, plan, expectation, lambda _: None)
    # What a layer makes is an output of the model: nothing lies between.
    assert run.comparison.bit_exact, run.comparison.first_difference
    names = dict(zip(graph.outputs, batch.names, strict=True))
    return {
        names[op.outputs[0]]: run.layer_instructions[position]
        for position, op in enumerate(graph.ops)
    }
