"""Writes the firmware project: a folder that builds by itself."""

from __future__ import annotations

import hashlib
import struct
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from tinydeploy.board import Board
from tinydeploy.codegen.c_data import format_array
from tinydeploy.codegen.environment import render_template
from tinydeploy.codegen.model_text import layer_symbol
from tinydeploy.codegen.text import c_string, c_type
from tinydeploy.errors import OutputError, UsageError
from tinydeploy.graph.graph import Graph
from tinydeploy.plan.plan import InputForm, Plan
from tinydeploy.project.inputs import place_inputs
from tinydeploy.project.layout import (
    check_model_name,
    compiled_sources,
    include_folders,
    mlperf_files,
    runtime_files,
)
from tinydeploy.project.mlperf import MlperfTask
from tinydeploy.project.toolchain import LEVEL, compiler_flags

STACK_BYTES = 4096

_BUILD_ID = "config/build_id.h"
TEMPLATES = {
    "config/board_config.h": "board_config.h.j2",
    "config/app_model.c": "app_model.c.j2",
    "linker.ld": "linker.ld.j2",
    "Makefile": "Makefile.j2",
    "CMakeLists.txt": "CMakeLists.txt.j2",
    "CMakePresets.json": "CMakePresets.json.j2",
    "arm-none-eabi.cmake": "arm-none-eabi.cmake.j2",
    "README.md": "README.md.j2",
}


@dataclass(frozen=True)
class Port:
    """An input or output; suffixes tell several apart."""

    suffix: str
    c_type: str


@dataclass(frozen=True)
class ModelText:
    """What the templates say of the model.

    `input_memory` holds inputs that are kept; without a detector there are 0 `max_detections`.
    """

    name: str
    macro: str
    board_literal: str
    inputs: tuple[Port, ...]
    outputs: tuple[Port, ...]
    arenas: tuple[str, ...]
    input_form: InputForm
    input_memory: str
    has_state: bool
    selftest_crc: int
    max_detections: int = 0


def project_files(
    graph: Graph,
    plan: Plan,
    sources: Mapping[str, str | bytes],
    kernels: Iterable[str],
    board: Board,
    *,
    selftest_crc: int,
    hot: Sequence[str] = (),
    kernel_level: str = "-O2",
    far: Mapping[int, str] | None = None,
    mlperf: MlperfTask | None = None,
    vectors: NDArray[Any] | None = None,
) -> dict[str, bytes]:
    """All files of the project, by path in its folder; the same arguments give the same bytes.

    Args:
        graph: Names the model, its inputs and outputs.
        plan: Names the memories that hold an arena.
        sources: The generated C text, by path ("<name>/model.c").
        kernels: What of firmware/kernels/ it needs, paths without suffix.
        board: The board to build for.
        selftest_crc: CRC-32 of the outputs that the model must give for selftest_inputs().
        hot: Sources whose code runs from the board's memory for hot code, by path in the project,
            without suffix.
        kernel_level: Compilers' -O flag for kernels.
        far: Memory of the weights of layers, where it is not the flash with the code; by position
            in Graph.ops.
        mlperf: Have the firmware answer MLPerf Tiny's runner too, for this task.
        vectors: Inputs [n, *shape of the one input] that the self-test runs besides.

    Raises:
        UsageError: The firmware cannot be written for this board.
        BudgetError: No memory has room for inputs that are kept outside the arena.
    """
    _check_board(board)
    check_model_name(graph.name)
    model = {path: _to_bytes(text) for path, text in sources.items()}
    files = runtime_files(board, kernels, model) | model
    text = ModelText(
        name=graph.name,
        macro=graph.name.upper(),
        board_literal=c_string(board.title),
        inputs=number_ports(graph, graph.inputs),
        outputs=number_ports(graph, graph.outputs),
        arenas=tuple(arena.memory for arena in plan.arenas),
        input_form=plan.input_form,
        input_memory=place_inputs(graph, plan, board),
        has_state=graph.state_bytes > 0,
        max_detections=graph.detector.spec.max_detections if graph.detector else 0,
        selftest_crc=selftest_crc,
    )
    templates = dict(TEMPLATES)
    if mlperf is not None:
        files |= mlperf_files()
        templates["config/mlperf_config.h"] = "mlperf_config.h.j2"
    if vectors is not None:
        files["config/selftest_vectors.h"] = _vectors_header(vectors)
    return assemble_project(
        files,
        templates,
        board,
        text,
        hot_sources=hot,
        kernel_level=kernel_level,
        far_weights=_list_far_weights(graph.name, far or {}),
        mlperf=mlperf,
        vectors=vectors,
    )


def assemble_project(
    files: dict[str, bytes],
    templates: Mapping[str, str],
    board: Board,
    model: ModelText,
    *,
    hot_sources: Sequence[str] = (),
    kernel_level: str = "-O2",
    **facts: Any,
) -> dict[str, bytes]:
    """All files of a project: those that are there, those of templates, and the build's id.

    Args:
        files: What is copied or generated, by path in the project.
        templates: Names of templates in firmware/templates/project/, by path.
        board: The board.
        model: What the templates say of the model.
        hot_sources: See project_files.
        kernel_level: See project_files.
        facts: What else templates ask for.
    """
    compiled = compiled_sources([*files, *templates])
    for path, template in templates.items():
        content = render_template(
            f"project/{template}",
            board=board,
            model=model,
            stack_bytes=STACK_BYTES,
            include_folders=include_folders(board),
            sources=compiled,
            hot_sources=hot_sources,
            kernel_level=kernel_level,
            level=LEVEL,
            gcc=compiler_flags("gcc", board),
            zig=compiler_flags("zig", board),
            **{"far_weights": {}, "interrupt": None} | facts,
        )
        files[path] = content.encode()
    build_id = ", ".join(f"0x{byte:02X}" for byte in _hash_files(files)[:8])
    files[_BUILD_ID] = render_template("project/build_id.h.j2", build_id=build_id).encode()
    return dict(sorted(files.items()))


def write_project(folder: Path, files: Mapping[str, bytes]) -> None:
    """Writes what project_files() returns to `folder`, which is made where it does not exist.

    Raises:
        OutputError: The folder cannot be written.
    """
    try:
        for path, content in files.items():
            target = folder / path
            target.parent.mkdir(parents=True, exist_ok=True)
            target.write_bytes(content)
    except OSError as error:
        raise OutputError(
            f"cannot write the firmware project to {folder}: {error.strerror or error}",
            "Choose another folder with --output.",
        ) from error


def _check_board(board: Board) -> None:
    """Start-up code needs its stack before it can switch on a clock."""
    if board.data_memory.clock is not None:
        raise UsageError(
            f"board {board.name}: memory '{board.data_memory.name}' holds the stack "
            "and must not need a clock",
            "Give the use 'data' to a memory that works from reset on.",
        )


def _list_far_weights(name: str, far: Mapping[int, str]) -> dict[str, list[str]]:
    """Symbols of weights, by memory."""
    symbols: dict[str, list[str]] = {}
    for position, memory in far.items():
        symbols.setdefault(memory, []).append(f"{layer_symbol(name, position)}_weights")
    return symbols


def _vectors_header(vectors: NDArray[Any]) -> bytes:
    """The inputs' bytes, as they lie in memory; app_model.c alone includes it."""
    data = np.frombuffer(vectors.tobytes(), np.int8)
    text = format_array("int8_t", "selftest_vectors", data)
    return (
        "/* SPDX-License-Identifier: 0BSD */\n"
        f"/* {len(vectors)} real inputs for the self-test. */\n#include <stdint.h>\n\n{text}"
    ).encode()


def number_ports(graph: Graph, tensors: tuple[int, ...]) -> tuple[Port, ...]:
    """What the generated API calls these inputs or outputs."""
    several = len(tensors) > 1
    return tuple(
        Port(f"_{i}" if several else "", c_type(graph.tensors[tensor].dtype))
        for i, tensor in enumerate(tensors)
    )


def _hash_files(files: Mapping[str, bytes]) -> bytes:
    """SHA-256 over paths and contents, each preceded by its length."""
    digest = hashlib.sha256()
    for path, content in sorted(files.items()):
        for part in (path.encode(), content):
            digest.update(struct.pack("<Q", len(part)))
            digest.update(part)
    return digest.digest()


def _to_bytes(text: str | bytes) -> bytes:
    return text.encode() if isinstance(text, str) else text
