"""Writes the firmware project: a folder that builds by itself."""

from __future__ import annotations

import hashlib
import struct
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path

from jinja2 import Environment, FileSystemLoader, StrictUndefined

from tinydeploy.board import Board
from tinydeploy.errors import OutputError, UsageError
from tinydeploy.graph.graph import Graph
from tinydeploy.paths import FIRMWARE
from tinydeploy.plan.plan import Plan
from tinydeploy.project.layout import compiled_sources, include_folders, runtime_files
from tinydeploy.project.toolchain import OPTIMIZE, compiler_flags

STACK_BYTES = 4096

_BUILD_ID = "config/build_id.h"
_TEMPLATES = {
    "config/board_config.h": "board_config.h.j2",
    "config/app_model.c": "app_model.c.j2",
    "linker.ld": "linker.ld.j2",
    "Makefile": "Makefile.j2",
    "CMakeLists.txt": "CMakeLists.txt.j2",
    "README.md": "README.md.j2",
}


@dataclass(frozen=True)
class _TensorText:
    function: str
    bytes: int
    scale: float
    zero_point: int


@dataclass(frozen=True)
class _ModelText:
    """What the templates say of the model."""

    name: str
    inputs: tuple[_TensorText, ...]
    outputs: tuple[_TensorText, ...]
    layers: int
    arenas: tuple[str, ...]
    selftest_crc: int


def project_files(
    graph: Graph,
    plan: Plan,
    sources: Mapping[str, str | bytes],
    kernels: Iterable[str],
    board: Board,
    *,
    selftest_crc: int,
) -> dict[str, bytes]:
    """All files of the project, by path in its folder; the same arguments give the same bytes.

    Args:
        graph: Names the model, its inputs and outputs.
        plan: Names the memories that hold an arena.
        sources: The generated C text, by path ("<name>/model.c").
        kernels: Files of firmware/kernels/ that it calls, without ".c".
        board: The board to build for.
        selftest_crc: CRC-32 of the outputs that the model must give for selftest_inputs().

    Raises:
        UsageError: The firmware cannot be written for this board.
    """
    _check_board(board)
    model = {path: _to_bytes(text) for path, text in sources.items()}
    files = runtime_files(board, kernels, model) | model
    text = _ModelText(
        name=graph.name,
        inputs=_tensor_texts(graph, graph.inputs, "input"),
        outputs=_tensor_texts(graph, graph.outputs, "output"),
        layers=len(graph.ops),
        arenas=tuple(arena.memory for arena in plan.arenas),
        selftest_crc=selftest_crc,
    )
    environment = _environment()
    values = {
        "board": board,
        "model": text,
        "stack_bytes": STACK_BYTES,
        "include_folders": include_folders(board),
        "sources": compiled_sources([*files, *_TEMPLATES]),
        "optimize": OPTIMIZE,
        "gcc": compiler_flags("gcc", board),
        "zig": compiler_flags("zig", board),
    }
    for path, template in _TEMPLATES.items():
        files[path] = environment.get_template(template).render(values).encode()
    build_id = environment.get_template("build_id.h.j2").render(build_id=_hash_files(files)[:8])
    return dict(sorted((files | {_BUILD_ID: build_id.encode()}).items()))


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


def _tensor_texts(graph: Graph, tensors: tuple[int, ...], what: str) -> tuple[_TensorText, ...]:
    single = len(tensors) == 1
    texts = []
    for index, tensor_id in enumerate(tensors):
        tensor = graph.tensors[tensor_id]
        scale, zero_point = 0.0, 0
        if tensor.quantization is not None:
            scale, zero_point = tensor.quantization.scale, tensor.quantization.zero_point
        function = f"{graph.name}_{what}" if single else f"{graph.name}_{what}_{index}"
        texts.append(_TensorText(function, tensor.size, scale, zero_point))
    return tuple(texts)


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


def _environment() -> Environment:
    environment = Environment(
        loader=FileSystemLoader(FIRMWARE / "templates" / "project"),
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
        keep_trailing_newline=True,
        autoescape=False,  # C and make, not HTML
    )
    environment.filters["hex"] = lambda value: f"0x{value:08X}"
    environment.filters["c_float"] = _c_float
    environment.filters["c_string"] = _c_string
    return environment


def _c_float(value: float) -> str:
    """A C literal of type float with the digits that it takes to mean exactly this float32."""
    text = f"{value:.9g}"
    return f"{text}f" if any(c in text for c in ".e") else f"{text}.0f"


def _c_string(text: str) -> str:
    """A C string literal; what is not harmless ASCII as octal escapes of its UTF-8 bytes."""
    return '"' + "".join(_c_byte(byte) for byte in text.encode()) + '"'


def _c_byte(byte: int) -> str:
    harmless = 0x20 <= byte < 0x7F and chr(byte) not in '"\\?'
    return chr(byte) if harmless else f"\\{byte:03o}"
