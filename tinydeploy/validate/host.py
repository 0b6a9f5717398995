"""Compiles the generated C for the host and runs it in a process of its own."""

from __future__ import annotations

import importlib.util
import os
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from tinydeploy.codegen.environment import render_template
from tinydeploy.codegen.generate import list_kernels
from tinydeploy.codegen.model_text import ArenaText, arena_symbol, tensor_symbol
from tinydeploy.errors import CompileError, InternalError, MissingDependencyError
from tinydeploy.graph.graph import Graph
from tinydeploy.graph.tensor import Tensor
from tinydeploy.paths import FIRMWARE, kernel_sources
from tinydeploy.plan.alias import find_owners
from tinydeploy.plan.plan import InputForm, Plan, step_rows
from tinydeploy.project.build import first_errors

Array = NDArray[Any]
Int8Array = NDArray[np.int8]

# What the function of an input is called.
_INPUTS: dict[InputForm, str] = {"arena": "input", "kept": "set_input", "rows": "push_row"}
_FLAGS = ("-std=c99", "-O2", "-Wall", "-Wextra", "-Wconversion")
_SANITIZERS = ("-g", "-fsanitize=address,undefined", "-fno-sanitize-recover=all")
# zig has no library for findings: they end the program by a trap; of addresses it has nothing.
_ZIG_SANITIZERS = ("-g", "-fsanitize=undefined", "-fsanitize-trap=undefined")


@dataclass(frozen=True)
class MadeRows:
    """Rows of a tensor that are complete after so many calls; 0 for whole inputs."""

    tensor_id: int
    tensor: str
    call: int
    first: int
    last: int
    row_bytes: int


@dataclass(frozen=True)
class PortFunction:
    """The function that gives or takes the address of an input or output, and its bytes."""

    symbol: str
    size: int


@dataclass(frozen=True)
class HostText:
    """What the template of the host's main function shows."""

    name: str
    input_form: InputForm
    row_count: int
    row_size: int
    arenas: tuple[ArenaText, ...]
    inputs: tuple[PortFunction, ...]
    outputs: tuple[PortFunction, ...]
    made: tuple[MadeRows, ...]
    max_detections: int


@dataclass(frozen=True)
class HostProgram:
    """A model compiled for the host.

    Args:
        graph: The graph.
        plan: Its plan.
        folder: Where the program lies.
        executable: The program.
    """

    graph: Graph
    plan: Plan
    folder: Path
    executable: Path

    def run(self, inputs: Sequence[Array], *, timeout_s: float = 600.0) -> tuple[Array, ...]:
        """Runs the model over many inputs.

        Args:
            inputs: Per model input an array [n, *tensor shape] of its dtype.
            timeout_s: Seconds until it counts as hanging.

        Returns:
            Per model output an array [n, *tensor shape]; then, of a detector, its boxes [n, bytes]
            as `Detector.pack` has them.
        """
        raw, count = self._execute(inputs, (), timeout_s)
        tensors = [self.graph.tensors[tensor] for tensor in self.graph.outputs]
        detector = self.graph.detector
        more = () if detector is None else (detector.packed_bytes,)
        pieces = _split(raw, count, [*(tensor.size_bytes for tensor in tensors), *more])
        outputs = (_view(p, tensor) for p, tensor in zip(pieces, tensors, strict=False))
        return (*outputs, *pieces[len(tensors) :])

    def dump(self, inputs: Sequence[Array], *, timeout_s: float = 600.0) -> Mapping[int, Array]:
        """Runs the model and notes every row of every stored tensor when it is complete.

        Args:
            inputs: As for `run`.
            timeout_s: Seconds until it counts as hanging.

        Returns:
            Arrays [n, *tensor shape] by tensor id, for every tensor of `graph.stored`; without an
            input whose rows are pushed, and its other names.
        """
        raw, count = self._execute(inputs, ("rows",), timeout_s)
        made = list_made_rows(self.graph, self.plan)
        pieces = _split(raw, count, [(m.last - m.first) * m.row_bytes for m in made])
        tensors = self.graph.tensors
        found = {
            m.tensor_id: np.zeros((count, tensors[m.tensor_id].size_bytes), np.int8) for m in made
        }
        for m, piece in zip(made, pieces, strict=True):
            found[m.tensor_id][:, m.first * m.row_bytes : m.last * m.row_bytes] = piece
        owners = find_owners(self.graph)
        return {
            tensor: _view(found[owners[tensor]], tensors[tensor])
            for tensor in self.graph.stored
            if owners[tensor] in found
        }

    def _execute(
        self, inputs: Sequence[Array], arguments: Iterable[str], timeout_s: float
    ) -> tuple[Int8Array, int]:
        tensors = [self.graph.tensors[tensor] for tensor in self.graph.inputs]
        flat = [
            np.ascontiguousarray(array, tensor.dtype).view(np.int8).reshape(-1, tensor.size_bytes)
            for array, tensor in zip(inputs, tensors, strict=True)
        ]
        source, result = self.folder / "inputs.bin", self.folder / "result.bin"
        source.write_bytes(np.concatenate(flat, axis=1).tobytes())
        command = [str(self.executable), str(source), str(result), *arguments]
        try:
            done = subprocess.run(
                command, capture_output=True, text=True, timeout=timeout_s, check=False
            )
        except subprocess.TimeoutExpired as error:
            raise InternalError(
                f"the host build of {self.graph.name} did not end within {timeout_s} s"
            ) from error
        if done.returncode:
            raise InternalError(
                f"the host build of {self.graph.name} ended with {done.returncode}:"
                f" {done.stderr.strip()[-2000:]}"
            )
        return np.fromfile(result, np.int8), len(flat[0])


@contextmanager
def build_host(
    graph: Graph,
    plan: Plan,
    sources: Mapping[str, str],
    *,
    sanitize: bool = False,
    objects: Path | None = None,
    compiler: Sequence[str] | None = None,
) -> Iterator[HostProgram]:
    """Compiles a model for the host, in a temporary folder that goes with the context.

    Args:
        graph: The graph.
        plan: Its plan.
        sources: What `generate_sources` wrote for both.
        sanitize: With address and undefined-behaviour sanitizers, whose findings end the run.
        objects: An archive of all kernels, from `compile_kernels`; None to compile those needed.
        compiler: Its command; None for that of `find_host_compiler`.

    Raises:
        MissingDependencyError: There is no C compiler.
        CompileError: The compiler refused.
    """
    with tempfile.TemporaryDirectory(prefix="tinydeploy-host-") as name:
        folder = Path(name)
        (folder / graph.name).mkdir()
        for path, text in sources.items():
            if "model_data" not in path:
                (folder / path).write_text(text, encoding="utf-8", newline="\n")
        main = folder / "host_main.c"
        text = render_template("model/host_main.c.j2", host=_describe_host(graph, plan))
        main.write_text(text, encoding="utf-8", newline="\n")
        needed = list_kernels(graph, plan)
        kernels = [p for kernel in needed for p in kernel_sources(kernel) if p.suffix == ".c"]
        if objects is not None:
            kernels = [objects]
        executable = folder / ("host_main.exe" if sys.platform == "win32" else "host_main")
        cc, flags = _choose_flags(compiler, sanitize)
        includes = ["-I", str(folder), "-I", str(FIRMWARE / "include")]
        files = [str(path) for path in (main, folder / graph.name / "weights.c", *kernels)]
        command = [*cc, *flags, *includes, *files, "-o", str(executable)]
        done = subprocess.run(command, capture_output=True, text=True, check=False)
        if done.returncode:
            said = done.stderr.replace(f"{folder}{os.sep}", "")
            why = "; ".join(first_errors(said, done.returncode))
            raise CompileError(f"the host compiler refused the sources of {graph.name}: {why}")
        yield HostProgram(graph, plan, folder, executable)


def compile_kernels(
    folder: Path, *, sanitize: bool = False, compiler: Sequence[str] | None = None
) -> Path:
    """Compiles every kernel once, for many models to be linked with.

    Args:
        folder: Where to put the archive and its parts.
        sanitize: As of `build_host`, and the same.
        compiler: Likewise.

    Returns:
        The archive.
    """
    cc, flags = _choose_flags(compiler, sanitize)
    flags += ["-I", str(FIRMWARE / "include")]
    objects = []
    for source in sorted((FIRMWARE / "kernels").rglob("*.c")):
        parts = source.relative_to(FIRMWARE / "kernels").with_suffix("").parts
        objects.append(folder / f"{'_'.join(parts)}.o")
        files = ["-c", str(source), "-o", str(objects[-1])]
        subprocess.run([*cc, *flags, *files], check=True)
    archive = folder / "kernels.a"
    subprocess.run(["ar", "rcs", str(archive), *map(str, objects)], check=True)
    return archive


def run_host(
    graph: Graph, plan: Plan, sources: Mapping[str, str], inputs: Sequence[Array]
) -> tuple[Array, ...]:
    """Compiles and runs; arguments and result as of `build_host` and `HostProgram.run`."""
    with build_host(graph, plan, sources) as program:
        return program.run(inputs)


def dump_host(
    graph: Graph, plan: Plan, sources: Mapping[str, str], inputs: Sequence[Array]
) -> Mapping[int, Array]:
    """Compiles, runs, and gives every stored tensor, as `HostProgram.dump` does."""
    with build_host(graph, plan, sources) as program:
        return program.dump(inputs)


def find_host_compiler() -> tuple[str, ...]:
    """The command of a C compiler for the host: cc, gcc or clang, else that of the ziglang package.

    Raises:
        MissingDependencyError: There is none.
    """
    for name in ("cc", "gcc", "clang"):
        if path := shutil.which(name):
            return (path,)
    if importlib.util.find_spec("ziglang"):
        return (sys.executable, "-m", "ziglang", "cc")
    raise MissingDependencyError(
        "there is no C compiler for this computer",
        "Install gcc or clang, or the Python package ziglang: pip install 'tinydeploy[zig]'.",
    )


def _choose_flags(
    compiler: Sequence[str] | None, sanitize: bool
) -> tuple[tuple[str, ...], list[str]]:
    """The command of a compiler, and its flags for every source."""
    command = find_host_compiler() if compiler is None else tuple(compiler)
    sanitizers = _ZIG_SANITIZERS if "ziglang" in command else _SANITIZERS
    return command, [*_FLAGS, *(sanitizers if sanitize else ())]


def list_made_rows(graph: Graph, plan: Plan) -> tuple[MadeRows, ...]:
    """Which rows are complete after which call, in the order in which the program writes them."""
    inputs = (
        _made_rows(plan, tensor, 0, 0, plan.rows[tensor].height)
        for tensor in dict.fromkeys(graph.inputs)
        if plan.input_form != "rows"
    )
    steps = (
        _made_rows(plan, tensor, call, first, last)
        for call, step in enumerate(plan.calls, start=1)
        for first, last in [step_rows(graph, plan, step)]
        for tensor in graph.ops[step.op].outputs
        if first < last
    )
    return (*inputs, *steps)


def _made_rows(plan: Plan, tensor: int, call: int, first: int, last: int) -> MadeRows:
    return MadeRows(tensor, tensor_symbol(tensor), call, first, last, plan.rows[tensor].row_bytes)


def _describe_host(graph: Graph, plan: Plan) -> HostText:
    rows = plan.rows[graph.inputs[0]]
    return HostText(
        name=graph.name,
        input_form=plan.input_form,
        row_count=rows.height,
        row_size=rows.row_bytes,
        arenas=tuple(
            ArenaText(arena_symbol(graph.name, a.memory), a.memory, a.size) for a in plan.arenas
        ),
        inputs=_list_ports(graph, _INPUTS[plan.input_form], graph.inputs),
        outputs=_list_ports(graph, "output", graph.outputs),
        made=list_made_rows(graph, plan),
        max_detections=graph.detector.spec.max_detections if graph.detector else 0,
    )


def _list_ports(graph: Graph, kind: str, tensors: Sequence[int]) -> tuple[PortFunction, ...]:
    several = len(tensors) > 1
    return tuple(
        PortFunction(
            f"{graph.name}_{kind}" + (f"_{i}" if several else ""), graph.tensors[tensor].size_bytes
        )
        for i, tensor in enumerate(tensors)
    )


def _view(raw: Int8Array, tensor: Tensor) -> Array:
    """The bytes of n runs, int8 [n, bytes], as values [n, *shape] of a tensor's dtype."""
    return np.ascontiguousarray(raw).view(tensor.dtype).reshape(len(raw), *tensor.shape)


def _split(raw: Int8Array, count: int, sizes: Sequence[int]) -> list[Int8Array]:
    """Cuts the runs' bytes, [count, sum of sizes], at the sizes."""
    if raw.size != count * sum(sizes):
        raise InternalError(
            f"the host build wrote {raw.size} bytes instead of {count * sum(sizes)}"
        )
    return np.split(raw.reshape(count, sum(sizes)), np.cumsum(sizes)[:-1], axis=1)
