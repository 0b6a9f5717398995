"""One model through reader, passes, planner, generator and C compiler, against the reference."""

from __future__ import annotations

import shutil
import sys
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

import numpy as np
from hypothesis import strategies as st
from litert import run_litert_stream

from tinydeploy.board import Board, load_board
from tinydeploy.codegen.generate import generate_sources
from tinydeploy.errors import UsageError
from tinydeploy.graph.graph import Graph
from tinydeploy.graph.passes import fuse_graph
from tinydeploy.graph.passes.fuse_expansions import find_expansions, fuse_expansions
from tinydeploy.graph.read import read_graph
from tinydeploy.plan.check import check_plan
from tinydeploy.plan.input_form import check_input_form
from tinydeploy.plan.kernel import Optimize
from tinydeploy.plan.memory import plan_for_host, plan_layer_by_layer, plan_memory
from tinydeploy.plan.plan import InputForm, Plan
from tinydeploy.plan.variants import variants_of
from tinydeploy.validate.host import build_host, compile_kernels
from tinydeploy.validate.vectors import make_vectors

Compiler = Literal["gcc", "clang"]
Schedule = Literal["portable", "layers", "board"]

BOARDS = {name: load_board(name) for name in ("stm32h743", "stm32l4r9")}
# clang is that of the ziglang package.
COMMANDS: Mapping[Compiler, tuple[str, ...]] = {
    "gcc": (shutil.which("cc") or "gcc",),
    "clang": (sys.executable, "-m", "ziglang", "cc"),
}


@dataclass(frozen=True)
class Mode:
    """How a model is built.

    Args:
        fused: Merge ops.
        schedule: Layer by layer with portable kernels or with those of the board's core, or as the
            board's memories ask for: overlaid, or some rows at a time.
        optimize: What the plan prefers.
        form: How the input comes; "rows" where the model allows it.
        board: A name.
        recomputed: No expansion that the board's kernels can compute again is stored.
    """

    fused: bool = True
    schedule: Schedule = "board"
    optimize: Optimize = "balanced"
    form: InputForm = "arena"
    board: str = "stm32h743"
    recomputed: bool = False

    @property
    def name(self) -> str:
        """What tables of figures call it."""
        if self.schedule != "board":
            return self.schedule if self.fused else f"{self.schedule}, unfused"
        return f"{self.optimize}, {self.form}"


MODES = st.builds(
    Mode,
    fused=st.booleans(),
    schedule=st.sampled_from(("board", "board", "board", "layers", "portable")),
    optimize=st.sampled_from(("balanced", "ram", "speed", "flash")),
    form=st.sampled_from(("arena", "kept", "rows")),
    board=st.sampled_from(sorted(BOARDS)),
    recomputed=st.booleans(),
)


def plan_model(model: bytes, mode: Mode) -> tuple[Graph, Plan, Board]:
    """Reads and plans a model; the plan is checked."""
    graph, board = read_graph(model, "net"), BOARDS[mode.board]
    if mode.fused:
        graph = fuse_graph(graph)
    if mode.recomputed and mode.schedule != "portable":
        layers = find_expansions(graph).values()
        tiled = [op for op in layers if variants_of(op, graph, board, mode.optimize)]
        graph = fuse_expansions(graph, tiled)
    if mode.schedule == "portable":
        plan = plan_for_host(graph)
    elif mode.schedule == "layers":
        plan = plan_layer_by_layer(graph, board, mode.optimize)
    else:
        form: InputForm = "arena" if mode.form == "rows" and not _has_rows(graph) else mode.form
        plan = plan_memory(graph, board, optimize=mode.optimize, input_form=form)
    check_plan(graph, plan, board if mode.schedule == "board" else None)
    return graph, plan, board


def check_graph(
    model: bytes,
    mode: Mode,
    kernels: Mapping[Compiler, Path],
    *,
    compiler: Compiler = "gcc",
    vectors: int = 4,
) -> None:
    """Fails unless every byte of every output is the reference's, and no sanitizer objects.

    Args:
        model: A .tflite file.
        mode: How it is built.
        kernels: From `compile_all_kernels`.
        compiler: Which one of them.
        vectors: Inputs to try, steps of one stream.
    """
    graph, plan, board = plan_model(model, mode)
    sources = generate_sources(graph, plan, board, tflite=model)
    inputs = make_vectors(graph, vectors)
    with build_host(
        graph, plan, sources,
        sanitize=True, objects=kernels[compiler], compiler=COMMANDS[compiler],
    ) as program:  # fmt: skip
        found = program.run(inputs)
    for values, exact in zip(found, run_litert_stream(model, inputs), strict=True):
        np.testing.assert_array_equal(values, exact)


def compile_all_kernels(folder: Path, *compilers: Compiler) -> dict[Compiler, Path]:
    """All kernels with sanitizers, by each compiler."""
    archives = {}
    for compiler in compilers:
        (folder / compiler).mkdir()
        archives[compiler] = compile_kernels(
            folder / compiler, sanitize=True, compiler=COMMANDS[compiler]
        )
    return archives


def _has_rows(graph: Graph) -> bool:
    try:
        check_input_form(graph, "rows")
    except UsageError:
        return False
    return True
