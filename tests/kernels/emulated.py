"""Runs a batch of layers in the emulated boards: what cores execute in assembly."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace
from functools import partial
from pathlib import Path

import numpy as np
from kernel_batch import Array, Batch
from kernel_library import Choose

from tinydeploy.board import Board, load_board
from tinydeploy.codegen.generate import generate_sources, list_kernels
from tinydeploy.graph.graph import Graph
from tinydeploy.graph.passes import fuse_graph
from tinydeploy.graph.passes.fuse_expansions import find_expansions, fuse_expansions
from tinydeploy.graph.read import read_graph
from tinydeploy.plan.alias import renames
from tinydeploy.plan.calls import call_rows
from tinydeploy.plan.check import check_plan
from tinydeploy.plan.kernel import Optimize
from tinydeploy.plan.kernels import choose_kernels
from tinydeploy.plan.overlay import find_overlays
from tinydeploy.plan.plan import Arena, Plan, Rows, Scratch, Step
from tinydeploy.project.build import build_firmware
from tinydeploy.project.selftest import selftest_crc, selftest_inputs
from tinydeploy.project.toolchain import Kind, find_toolchain
from tinydeploy.project.write import project_files, write_project
from tinydeploy.validate.emulator import run_emulator
from tinydeploy.validate.prove import Expectation
from tinydeploy.validate.reference import run_reference

BOARDS = {"cortex-m7": "stm32h743", "cortex-m4": "stm32l4r9"}


def plan_layers(graph: Graph, board: Board, choose: Choose) -> Plan:
    """A place of its own for every input, one for the scratch of all, layer by layer.

    Outputs take the place of the model's inputs where a kernel allows it, else they have their own.
    Planning well would take long for hundreds of layers that have nothing in common.
    """
    kernels = choose(graph, board)
    memory = max(board.memories_for("arena"), key=lambda memory: memory.size).name
    overlays = {
        op.outputs[0]: overlay
        for position, op in enumerate(graph.ops)
        if position in kernels
        for overlay in list(find_overlays(graph, op, kernels[position]))[:1]
        if overlay.tensor in graph.inputs and graph.tensors[overlay.tensor].row_bytes % 4 == 0
    }
    guests = {*overlays, *(op.outputs[0] for op in graph.ops if renames(op))}
    rows, end = {}, 0
    for tensor in graph.stored:
        height, pitch = graph.tensors[tensor].rows[0], graph.tensors[tensor].row_bytes
        end += sum(o.shift * pitch for o in overlays.values() if o.tensor == tensor)
        rows[tensor] = Rows(tensor, memory, end, pitch, height, pitch)
        if tensor not in guests:
            end += -(-height * pitch // 4) * 4
    for output, overlay in overlays.items():
        offset = rows[overlay.tensor].offset - overlay.shift * rows[output].pitch
        rows[output] = replace(rows[output], offset=offset)
    for op in filter(renames, graph.ops):
        offset = rows[op.inputs[0]].offset
        rows[op.outputs[0]] = replace(rows[op.outputs[0]], offset=offset)
    scratch = {
        position: Scratch(memory, end, kernel.scratch_bytes)
        for position, kernel in kernels.items()
        if kernel.scratch_bytes
    }
    size = end + max((kernel.scratch_bytes for kernel in kernels.values()), default=0)
    steps = tuple(
        Step(position, 0, call_rows(graph, op, kernels[position]))
        for position, op in enumerate(graph.ops)
        if position in kernels
    )
    return Plan(steps, rows, scratch, (Arena(memory, size),), size, kernels)


def join(first: Sequence[Array], second: Sequence[Array]) -> list[Array]:
    """Vectors of all inputs behind others."""
    return [np.concatenate(pair) for pair in zip(first, second, strict=True)]


def check_emulated(
    batch: Batch,
    folder: Path,
    core: str,
    *,
    vectors: int = 4,
    optimize: Optimize = "balanced",
    toolchain: Kind | None = None,
    choose: Choose | None = None,
) -> Mapping[str, int]:
    """Builds all cases into one image, runs it and compares every output with the reference.

    Returns:
        Instructions by name of the case.
    """
    model, inputs = batch.finish(vectors)
    graph = fuse_graph(read_graph(model, "batch"))
    graph = fuse_expansions(graph, find_expansions(graph).values())
    assert len(graph.ops) == len(graph.outputs), "a case is not one layer"
    board = load_board(BOARDS[core])
    plan = plan_layers(graph, board, choose or partial(choose_kernels, optimize=optimize))
    check_plan(graph, plan, board)

    raw = selftest_inputs([graph.tensors[tensor].size_bytes for tensor in graph.inputs])
    tested = [
        np.frombuffer(data, values.dtype).reshape(1, *values.shape[1:])
        for values, data in zip(inputs, raw, strict=True)
    ]
    # The self-test comes first, and what it leaves behind is forgotten behind it.
    streams = [inputs, tested] if graph.state_bytes else [join(inputs, tested)]
    references = [run_reference(model, stream) for stream in streams]
    crc = selftest_crc(values[-1].tobytes() for values in references[-1].outputs)
    sources = generate_sources(graph, plan, board, tflite=b"")
    kernels = list_kernels(graph, plan)
    write_project(folder, project_files(graph, plan, sources, kernels, board, selftest_crc=crc))
    firmware = build_firmware(folder, board, find_toolchain(toolchain))
    assert not firmware.warnings, firmware.warnings
    outputs = tuple(values[:vectors] for values in references[0].outputs)
    expectation = Expectation(tuple(inputs), outputs, {}, crc, references[0].version)
    run = run_emulator(firmware.elf, board, graph, plan, expectation, lambda _: None)
    # What a layer makes is an output of the model: nothing lies between.
    assert run.comparison.bit_exact, run.comparison.first_difference
    names = dict(zip(graph.outputs, batch.names, strict=True))
    return {
        names[op.outputs[0]]: run.layer_instructions[position]
        for position, op in enumerate(graph.ops)
        if position in plan.kernels
    }
