"""One model as firmware in the emulated board, against the reference: every stored tensor too."""

from __future__ import annotations

import tempfile
from dataclasses import replace
from pathlib import Path

import numpy as np
from check_graph import Compiler, Mode, plan_model

from tinydeploy.codegen.generate import generate_sources, list_kernels
from tinydeploy.graph.read import read_graph
from tinydeploy.project.build import build_firmware
from tinydeploy.project.selftest import selftest_crc, selftest_inputs
from tinydeploy.project.toolchain import find_toolchain, kernel_level
from tinydeploy.project.write import project_files, write_project
from tinydeploy.validate.emulator import run_emulator
from tinydeploy.validate.prove import Expectation
from tinydeploy.validate.vectors import make_vectors
from tinydeploy.validate.wide_softmax import run_graph_reference


def check_emulated_graph(
    model: bytes, mode: Mode, *, compiler: Compiler = "gcc", vectors: int = 2
) -> bool:
    """Fails unless the firmware's outputs and the tensors in its arenas are the reference's.

    Args:
        model: A .tflite file.
        mode: How it is built; its schedule must be "board".
        compiler: arm-none-eabi-gcc, or clang of the ziglang package.
        vectors: Inputs to try; the tensors are those of the first.

    Returns:
        Whether there was anything to check: a model that computes nothing is no firmware.
    """
    graph, plan, board = plan_model(model, mode)
    if not plan.calls:
        return False
    inputs = make_vectors(graph, vectors)
    raw = selftest_inputs([values[0].size for values in inputs])
    tested = [
        np.frombuffer(data, np.int8).reshape(1, *values.shape[1:])
        for values, data in zip(inputs, raw, strict=True)
    ]
    unfused = read_graph(model, "net")
    # The self-test begins a stream of its own.
    reference = run_graph_reference(unfused, model, inputs)
    crc = selftest_crc(v.tobytes() for v in run_graph_reference(unfused, model, tested).outputs)
    expectation = Expectation(
        tuple(inputs),
        reference.outputs,
        reference.tensors,
        crc,
        reference.version,
    )
    sources = generate_sources(graph, plan, board, tflite=model)
    toolchain = find_toolchain("zig" if compiler == "clang" else "gcc")
    toolchain = replace(toolchain, kernel_level=kernel_level(mode.optimize))
    with tempfile.TemporaryDirectory(prefix="tinydeploy-fuzz-") as name:
        folder = Path(name) / "firmware"
        kernels = list_kernels(graph, plan)
        files = project_files(
            graph, plan, sources, kernels, board,
            selftest_crc=crc, kernel_level=toolchain.kernel_level,
        )  # fmt: skip
        write_project(folder, files)
        firmware = build_firmware(folder, board, toolchain)
        assert not firmware.warnings, firmware.warnings
        run = run_emulator(firmware.elf, board, graph, plan, expectation, lambda _: None)
    assert run.comparison.bit_exact, run.comparison.first_difference
    assert run.comparison.tensors_compared > 0
    return True
