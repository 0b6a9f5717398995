"""A report as a build makes it, of a real graph and its real plan, without compiling anything."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from functools import cache
from typing import Any

import numpy as np

from tests.model_builder import ModelBuilder
from tinydeploy.board import load_board
from tinydeploy.graph.graph import Graph
from tinydeploy.graph.passes import fuse_graph
from tinydeploy.graph.read import read_graph
from tinydeploy.plan.alternatives import Alternative
from tinydeploy.plan.memory import plan_memory
from tinydeploy.plan.plan import Plan
from tinydeploy.project.size import MemoryUse, Sizes, Symbol
from tinydeploy.report.build_report import BuildReport, QuantizationFacts
from tinydeploy.report.collect import Evidence, collect_report
from tinydeploy.validate.compare import Comparison
from tinydeploy.validate.emulator import EmulatorRun
from tinydeploy.validate.quality import measure_quality
from tinydeploy.validate.tensor_use import measure_use

CLASSES = 4


def make_net(width: int = 16) -> bytes:
    b = ModelBuilder(1)
    x = b.conv(b.input((24, 24, 3)), 8, (3, 3), stride=(2, 2))
    x = b.conv(b.depthwise(x), width, (1, 1))
    x = b.conv(b.depthwise(x), width, (1, 1))
    return b.finish([b.softmax(b.fully_connected(b.mean(x), CLASSES))])


@cache
def make_report(
    width: int = 16, *, rename: str = "", samples: bool = True, run: bool = True
) -> BuildReport:
    """A report.

    Args:
        width: Channels of a layer.
        rename: What all tensors are called, with their numbers.
        samples: There are labelled samples and a float net.
        run: The emulated board was run.
    """
    tflite = make_net(width)
    graph = read_graph(tflite, "net")
    if rename:
        tensors = tuple(replace(t, name=f"{rename}{k}") for k, t in enumerate(graph.tensors))
        graph = replace(graph, tensors=tensors, labels=(rename,) * CLASSES)
    fused = fuse_graph(graph)
    board = load_board("stm32h743")
    plan = plan_memory(fused, board)
    comparison = Comparison(20, 200, 0, 5, None)
    rng = np.random.default_rng(0)
    inputs = rng.integers(-128, 128, (2, 1, 24, 24, 3), np.int8)
    scores = rng.normal(size=(60, CLASSES))
    classes = scores.argmax(1)
    coarse = scores + rng.normal(size=scores.shape) * 0.4
    quality = measure_quality(
        scores.astype(np.float32) if samples else None, coarse, classes if samples else None
    )
    return collect_report(
        Evidence(
            origin=f"{rename}net.tflite",
            tflite=tflite,
            graph=fused,
            parameters=graph.parameters,
            plan=plan,
            plans=_alternatives(plan),
            board=board,
            compiler="gcc 12",
            sizes=make_sizes(fused, plan),
            flash_budget=board.flash_budget,
            ram_budget=board.ram_budget,
            reference="reference 1",
            host=comparison,
            run=_run(plan, comparison) if run else None,
            quality=quality,
            quantization=_quantization(fused) if samples else (),
            used=measure_use(tflite, [inputs]) if samples else (),
            used_samples=len(inputs) if samples else 0,
            command=f"tinydeploy build '{rename}net.tflite'",
            firmware=b"firmware",
            seconds={"graph": 0.1},
        )
    )


def _alternatives(plan: Plan) -> Sequence[Alternative]:
    size = plan.arena_bytes
    return (
        Alternative("layer by layer", 3 * size, 0, size, 90_000, 95_000, 0, chosen=False),
        Alternative("input in the arena", size, 0, size, 100_000, 110_000, 0, chosen=True),
        Alternative("input kept", size, 1728, size, 101_000, 111_000, 0, chosen=False),
    )


def make_sizes(graph: Graph, plan: Plan) -> Sizes:
    """Sizes of a firmware that might have been linked."""
    symbols = [
        Symbol(f"net_layer{position}_weights", ".weights", "flash", 0, weights.size)
        for position, op in enumerate(graph.ops)
        if (weights := getattr(op, "weights", None)) is not None
    ]
    symbols += [Symbol(f"td_kernel_{k}", ".text", "flash", 0, 100 + k) for k in range(30)]
    symbols += [Symbol("net_arena_dtcm", ".td_arena.dtcm", "dtcm", 0, plan.arena_bytes)]
    symbols += [Symbol("session", ".bss", "dtcm", 0, 4)]
    symbols.sort(key=lambda symbol: -symbol.size)
    weights = sum(symbol.size for symbol in symbols if symbol.is_weights)
    code = sum(symbol.size for symbol in symbols if symbol.kind == "code")
    ram = plan.arena_bytes + 4096 + 4
    return Sizes(
        memories=(
            MemoryUse("flash", weights + code + 500, 0, 2_097_152),
            *(MemoryUse(a.memory, a.size + 4100, a.size, 131_072) for a in plan.arenas),
        ),
        sections=(),
        symbols=tuple(symbols),
        flash_bytes=weights + code + 500,
        code_bytes=code,
        weights_bytes=weights,
        constants_bytes=500,
        ram_bytes=ram,
        arena_bytes=plan.arena_bytes,
        static_bytes=4,
        stack_bytes=4096,
    )


def _run(plan: Plan, comparison: Comparison) -> EmulatorRun:
    layers = sorted({step.op for step in plan.calls})
    instructions = {position: 1000 * (7 * position % 5 + 1) for position in layers}
    total = sum(instructions.values())
    return EmulatorRun(
        comparison=comparison,
        instructions=total,
        longest_call=total,
        layer_instructions=instructions,
        layer_cycles={position: count + 5 for position, count in instructions.items()},
        cycles_estimated=total + 50,
        stack_high_water=800,
        arena_touched={arena.memory: arena.size for arena in plan.arenas},
        core_clock_hz=480e6,
        detection_instructions=None,
    )


def _quantization(graph: Graph) -> list[QuantizationFacts]:
    facts: list[Any] = [
        QuantizationFacts(
            graph.tensors[op.outputs[0]].name, "Conv", 40.0 - position, 45.0, 0.1, 0.001, "int8"
        )
        for position, op in enumerate(graph.ops)
    ]
    return facts
