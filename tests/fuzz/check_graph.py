"""One model through reader, passes, planner, generator and C compiler, against the reference."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

import numpy as np
from litert import run_litert

from tinydeploy.board import load_board
from tinydeploy.codegen.generate import generate_sources
from tinydeploy.errors import UsageError
from tinydeploy.graph.passes import fuse_graph
from tinydeploy.graph.passes.fuse_expansions import find_expansions, fuse_expansions
from tinydeploy.graph.read import read_graph
from tinydeploy.plan.check import check_plan
from tinydeploy.plan.input_form import check_input_form
from tinydeploy.plan.kernel import Optimize
from tinydeploy.plan.memory import plan_for_host, plan_memory
from tinydeploy.plan.plan import InputForm
from tinydeploy.plan.variants import variants_of
from tinydeploy.validate.host import build_host
from tinydeploy.validate.vectors import make_vectors

BOARD = load_board("stm32h743")


@dataclass(frozen=True)
class Mode:
    """How a model is built.

    Args:
        fused: Merge ops.
        planned: Plan for a board, with its kernels; else layer by layer, with portable ones.
        optimize: What the plan prefers.
        rows: The input comes row by row, where the model allows it.
        recomputed: In a planned model, no expansion that may be computed again is stored.
    """

    fused: bool = True
    planned: bool = True
    optimize: Optimize = "balanced"
    rows: bool = False
    recomputed: bool = False


def check_graph(model: bytes, mode: Mode, kernels: Path | None = None, vectors: int = 4) -> None:
    """Fails unless every byte of every output is the reference's, and no sanitizer objects.

    Args:
        model: A .tflite file.
        mode: How it is built.
        kernels: What `compile_kernels(..., sanitize=True)` has made; None to compile those needed.
        vectors: Inputs to try.
    """
    graph = read_graph(model, "net")
    if mode.fused:
        graph = fuse_graph(graph)
    if mode.planned:
        if mode.recomputed:
            layers = find_expansions(graph).values()
            tiled = [op for op in layers if variants_of(op, graph, BOARD, mode.optimize)]
            graph = fuse_expansions(graph, tiled)
        form: InputForm = "rows" if mode.rows and _takes_rows(graph) else "arena"
        plan = plan_memory(graph, BOARD, optimize=mode.optimize, input_form=form)
        check_plan(graph, plan, BOARD)
    else:
        plan = plan_for_host(graph)
        check_plan(graph, plan, None)
    sources = generate_sources(graph, plan, BOARD, tflite=model)
    inputs = make_vectors(graph, vectors)
    with build_host(graph, plan, sources, sanitize=True, objects=kernels) as program:
        found = program.run(inputs)
    for number in range(vectors):
        expected = run_litert(model, [values[number] for values in inputs])
        for values, exact in zip(found, expected, strict=True):
            np.testing.assert_array_equal(values[number], exact)


def _takes_rows(graph: object) -> bool:
    try:
        check_input_form(graph, "rows")  # type: ignore[arg-type]
    except UsageError:
        return False
    return True
