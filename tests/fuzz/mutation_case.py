"""One damaged file through everything up to the comparison on the host, in a process of its own."""

from __future__ import annotations

import hashlib
import json
import os
import random
import resource
import signal
import traceback
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from litert import run_litert
from numpy.typing import NDArray

from tinydeploy.board import load_board
from tinydeploy.codegen.generate import generate_sources
from tinydeploy.errors import InternalError, TinydeployError
from tinydeploy.graph.conversions import cut_conversions
from tinydeploy.graph.graph import Graph
from tinydeploy.graph.passes import fuse_graph
from tinydeploy.graph.read import read_graph
from tinydeploy.plan.check import check_plan
from tinydeploy.plan.memory import plan_for_host, plan_memory
from tinydeploy.plan.plan import Plan
from tinydeploy.validate.host import build_host
from tinydeploy.validate.reference import lower_versions, normalize_quantized_dimension
from tinydeploy.validate.vectors import make_vectors
from tinydeploy.validate.wide_softmax import run_graph_reference

Int8 = NDArray[np.int8]

BOARD = load_board("stm32h743")
HANG_S = 60  # of CPU time for everything
MEMORY_BYTES = 1 << 30  # beyond what this process had before
DIED = "the process died"
PLANNED = 0.1  # share of the files that are planned for a board; the others layer by layer


@dataclass(frozen=True)
class Outcome:
    """What became of a file.

    Args:
        kind: "exact", or "refused by <stage>": the good ends; "BUG" is the bad one.
        said: The error's message, or the traceback.
    """

    kind: str
    said: str = ""

    @property
    def good(self) -> bool:
        return self.kind != "BUG"


def try_file(data: bytes, seed: int, folder: Path) -> Outcome:
    """Runs one file in a child process, with limits of time and memory.

    Args:
        data: The file.
        seed: Decides how it is planned.
        folder: With kernels.a of `compile_kernels()`; what generated sources have computed is kept
            there, for most damage that a reader accepts does not reach them.
    """
    outcome, memory = run_apart(lambda: _build(data, seed, folder))
    if memory > MEMORY_BYTES and outcome.good:
        return Outcome("BUG", f"it took {memory >> 20} MB")
    return outcome


def warm_up(data: bytes, folder: Path) -> None:
    """Builds a sound file in this process: children then find templates and libraries loaded."""
    outcome = _build(data, 0, folder)
    assert outcome.kind == "exact", outcome


def run_apart(work: Callable[[], Outcome]) -> tuple[Outcome, int]:
    """Forks; returns what the child says, or how it died, and the bytes that it took on top."""
    source, target = os.pipe()
    child = os.fork()
    if child == 0:
        os.close(source)
        resource.setrlimit(resource.RLIMIT_CPU, (HANG_S, HANG_S + 1))
        resource.setrlimit(resource.RLIMIT_CORE, (0, 0))
        os.dup2(os.open(os.devnull, os.O_WRONLY), 2)  # what LiteRT has to say
        before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
        try:
            outcome = work()
        except BaseException:
            outcome = Outcome("BUG", traceback.format_exc())
        taken = (resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before) << 10
        with os.fdopen(target, "w") as pipe:
            json.dump([outcome.kind, outcome.said, taken], pipe)
        os._exit(0)
    os.close(target)
    with os.fdopen(source) as pipe:
        said = pipe.read()
    _, status = os.waitpid(child, 0)
    if said:
        kind, text, taken = json.loads(said)
        return Outcome(kind, text), taken
    number = os.WTERMSIG(status) if os.WIFSIGNALED(status) else 0
    return Outcome("BUG", f"{DIED} of {signal.Signals(number).name if number else '?'}"), 0


def _build(data: bytes, seed: int, folder: Path) -> Outcome:
    stage = "the reader"
    try:
        data = _cut_ends(data)
        unfused = read_graph(data, "net")
        graph = fuse_graph(unfused)
        stage = "the planner"
        if random.Random(seed).random() < PLANNED:
            plan = plan_memory(graph, BOARD)
            check_plan(graph, plan, BOARD)
        else:
            plan = plan_for_host(graph)
            check_plan(graph, plan, None)
        stage = "the reference"
        inputs = make_vectors(graph, 2)
        expected = _run_reference(data, unfused, inputs)
        stage = "the compiler"
        sources = generate_sources(graph, plan, BOARD, tflite=data)
        found = _run_sources(graph, plan, sources, inputs, folder)
    except InternalError as error:
        return Outcome("BUG", f"{error.message}\n{traceback.format_exc()}")
    except TinydeployError as error:
        if stage == "the compiler" or not error.message:
            return Outcome("BUG", f"{error!r}")
        return Outcome(f"refused by {stage}", error.message)
    if all(np.array_equal(a, b) for a, b in zip(expected, found, strict=True)):
        return Outcome("exact")
    return Outcome("BUG", "outputs differ from the reference's")


def _run_sources(
    graph: Graph, plan: Plan, sources: Mapping[str, str], inputs: Sequence[Int8], folder: Path
) -> list[Int8]:
    """What the generated C computes; equal sources are compiled once."""
    key = hashlib.sha256()
    for path, text in sorted(sources.items()):
        if "model_data" not in path:  # the file itself, as a table that nothing reads
            key.update(text.encode())
    for values in inputs:
        key.update(values.tobytes())
    known = folder / f"{key.hexdigest()}.npz"
    if not known.exists():
        with build_host(graph, plan, sources, objects=folder / "kernels.a") as program:
            np.savez(known, *program.run(inputs))
    with np.load(known) as results:
        return [results[name] for name in results.files]


def _cut_ends(data: bytes) -> bytes:
    try:
        return cut_conversions(data).tflite
    except TinydeployError:  # which the reader tells
        return data


def _run_reference(data: bytes, unfused: Graph, inputs: Sequence[Int8]) -> Sequence[Int8]:
    """The reference in a fork, which is quick; where it dies, as a build runs it."""
    prepared = lower_versions(normalize_quantized_dimension(data))

    def run() -> Outcome:
        try:
            found = [run_litert(prepared, vector) for vector in zip(*inputs, strict=True)]
        except (RuntimeError, ValueError) as error:  # what its Python package makes of a status
            return Outcome("refused", str(error))
        with os.fdopen(handle, "wb") as file:
            np.savez(file, *(np.stack(values) for values in zip(*found, strict=True)))
        return Outcome("exact")

    handle = os.memfd_create("reference")
    outcome, _ = run_apart(run)
    if outcome.kind != "exact":
        assert outcome.kind == "refused" or outcome.said.startswith(DIED), outcome.said
        os.close(handle)
        return run_graph_reference(unfused, data, inputs).outputs
    with os.fdopen(handle, "rb") as file:
        file.seek(0)
        with np.load(file) as results:
            return [results[name] for name in results.files]
