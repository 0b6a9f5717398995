"""Small proven models, and what it takes to compile and run a format's folder."""

from __future__ import annotations

import shutil
import subprocess
from collections.abc import Sequence
from functools import cache
from pathlib import Path

import pytest

from tests.file_kinds import streaming
from tests.nets import classifier, detector, inverted_residuals, several_ends
from tinydeploy.board import load_board
from tinydeploy.codegen.generate import generate_sources, list_kernels
from tinydeploy.graph.passes import fuse_graph
from tinydeploy.graph.read import read_graph
from tinydeploy.plan.memory import plan_memory
from tinydeploy.plan.plan import InputForm
from tinydeploy.project.formats.handover import Handover
from tinydeploy.project.formats.make import Format, format_files
from tinydeploy.project.write import write_project
from tinydeploy.validate.prove import expect_outputs

_NETS = {
    made.__name__: made
    for made in (classifier, detector, inverted_residuals, several_ends, streaming)
}
STRICT = ("-std=c99", "-pedantic", "-Wall", "-Wextra", "-Wconversion", "-Wshadow", "-Wundef")


@cache
def hand_over(net: str, form: InputForm = "arena", board: str = "stm32l4r9") -> Handover:
    """A small net, planned and generated; what the self-test expects is LiteRT's answer."""
    tflite, target = _NETS[net](), load_board(board)
    unfused = read_graph(tflite, "net")
    graph = fuse_graph(unfused)
    plan = plan_memory(graph, target, input_form=form)
    sources = generate_sources(graph, plan, target, tflite=tflite)
    expected = expect_outputs(unfused, tflite, None, 1)
    return Handover(
        graph=graph,
        plan=plan,
        board=target,
        sources=sources,
        kernels=list_kernels(graph, plan),
        tflite=tflite,
        selftest_crc=expected.selftest_crc,
        selftest_outputs=expected.selftest_outputs,
    )


def write_format(folder: Path, chosen: Format, handover: Handover) -> Path:
    """Writes the format's folder; returns it."""
    write_project(folder, format_files(chosen, handover))
    return folder


def find_or_skip(*names: str) -> str:
    """The first of these programs that is installed."""
    for name in names:
        if path := shutil.which(name):
            return path
    pytest.skip(f"{names[0]} is not installed")


def run(command: Sequence[str | Path], folder: Path) -> subprocess.CompletedProcess[str]:
    """Runs a command in a folder."""
    return subprocess.run(command, cwd=folder, capture_output=True, text=True, check=False)


def run_quietly(command: Sequence[str | Path], folder: Path) -> None:
    """The same; it must succeed and have nothing to complain about."""
    done = run(command, folder)
    assert done.returncode == 0, done.stdout + done.stderr
    assert done.stderr == ""


def sources_below(folder: Path, *suffixes: str) -> list[str]:
    """Files by path in the folder."""
    return sorted(
        path.relative_to(folder).as_posix() for path in folder.rglob("*") if path.suffix in suffixes
    )
