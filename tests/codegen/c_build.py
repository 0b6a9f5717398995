"""Compiles and runs generated sources in tests."""

from __future__ import annotations

import shutil
import subprocess
from collections.abc import Mapping, Sequence
from pathlib import Path

from tinydeploy.board import load_board
from tinydeploy.codegen.generate import generate_sources, list_kernels
from tinydeploy.graph.graph import Graph
from tinydeploy.graph.read import read_graph
from tinydeploy.paths import FIRMWARE, kernel_sources
from tinydeploy.plan.check import check_plan
from tinydeploy.plan.memory import plan_memory
from tinydeploy.plan.plan import InputForm, Plan

BOARD = load_board("stm32h743")
WARNINGS = ("-Wall", "-Wextra", "-Wconversion", "-Wsign-conversion", "-Wshadow", "-Werror")
ARM = ("arm-none-eabi-gcc", "-mcpu=cortex-m7", "-mthumb", "-mfpu=fpv5-d16", "-mfloat-abi=hard")


def make_sources(
    tflite: bytes, name: str, form: InputForm = "arena", *, float_ends: bool = False
) -> tuple[Graph, Plan, Mapping[str, str]]:
    graph = read_graph(tflite, name)
    plan = plan_memory(graph, BOARD, input_form=form)
    check_plan(graph, plan, BOARD)
    return graph, plan, generate_sources(graph, plan, BOARD, tflite=tflite, float_ends=float_ends)


def write_sources(folder: Path, sources: Mapping[str, str]) -> None:
    for path, text in sources.items():
        (folder / path).parent.mkdir(exist_ok=True)
        (folder / path).write_text(text)


def kernel_files(graph: Graph, plan: Plan) -> list[Path]:
    needed = list_kernels(graph, plan)
    return [path for kernel in needed for path in kernel_sources(kernel) if path.suffix == ".c"]


def compile_c(
    compiler: Sequence[str], folder: Path, files: Sequence[Path | str], flags: Sequence[str]
) -> None:
    """Compiles with all warnings as errors; paths are relative to `folder`."""
    assert shutil.which(compiler[0])
    command = [*compiler, "-O2", *WARNINGS, "-I", ".", "-I", str(FIRMWARE / "include")]
    done = subprocess.run(
        [*command, *flags, *map(str, files)],
        cwd=folder,
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stderr


def run(program: Path, data: bytes = b"") -> bytes:
    return subprocess.run([program], input=data, capture_output=True, check=True).stdout
