"""The firmware project of a host with a TinyNPU: its program, the link, and what stays behind."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Final

import numpy as np

from tinydeploy.board import Board, Link
from tinydeploy.codegen.c_data import format_array
from tinydeploy.codegen.detection import KERNEL, write_tables
from tinydeploy.codegen.text import c_float, c_string
from tinydeploy.detection.postprocess import Detector
from tinydeploy.errors import UsageError
from tinydeploy.graph.graph import Graph
from tinydeploy.npu.preprocess import Preprocessing
from tinydeploy.paths import FIRMWARE
from tinydeploy.plan.plan import Plan
from tinydeploy.project.layout import check_model_name, runtime_files
from tinydeploy.project.write import TEMPLATES, ModelText, assemble_project, number_ports

_TEMPLATES = {
    **TEMPLATES,
    "config/app_model.c": "npu_model.c.j2",
    "config/npu_config.h": "npu_config.h.j2",
}
# By link: DMA1's channel 1, which receives from SPI2, or SDMMC1's (RM0432, table of vectors).
_INTERRUPTS: Final[Mapping[Link, int]] = {"spi": 11, "sdio": 49}


@dataclass(frozen=True, eq=False)
class Rest:
    """What stays on the microcontroller, an ordinary model.

    Args:
        graph: Its inputs are tensors that TinyNPU gives.
        plan: Its plan, input form "arena".
        sources: Its generated C text.
        kernels: What of firmware/kernels/ it needs.
    """

    graph: Graph
    plan: Plan
    sources: Mapping[str, str | bytes]
    kernels: tuple[str, ...]


@dataclass(frozen=True, eq=False)
class AcceleratedModel:
    """A model in two parts.

    Args:
        graph: The whole.
        program: TinyNPU's program file.
        identity: Of the program, see docs/tinynpu.md.
        boundary: Tensors that TinyNPU gives, in the order of its results.
        rest: None where nothing stays.
        preprocessing: From a camera's picture to the image.
        frame_us: After which the device counts as hung.
    """

    graph: Graph
    program: bytes
    identity: int
    boundary: tuple[int, ...]
    rest: Rest | None
    preprocessing: Preprocessing
    frame_us: int

    @property
    def offsets(self) -> dict[int, int]:
        """Where each tensor of the boundary begins in the results."""
        found, at = {}, 0
        for tensor in self.boundary:
            found[tensor] = at
            at += self.graph.tensors[tensor].size_bytes
        return found

    @property
    def result_bytes(self) -> int:
        """Bytes of all results."""
        return sum(self.graph.tensors[tensor].size_bytes for tensor in self.boundary)


@dataclass(frozen=True)
class _RestInput:
    """An input of the rest: which part of the results it is."""

    suffix: str
    offset: int
    bytes: int


@dataclass(frozen=True)
class _Output:
    """An output of the whole: of the rest, or with an offset a part of the results."""

    suffix: str
    offset: int | None
    bytes: int
    scale: str
    zero_point: int


@dataclass(frozen=True)
class _NpuText:
    """What the template says of the accelerator; sizes in bytes, camera and image as h, w, c.

    Without a detector there are 0 `max_detections`.
    """

    name: str
    has_rest: bool
    rest_inputs: tuple[_RestInput, ...]
    outputs: tuple[_Output, ...]
    camera: tuple[int, int]
    camera_bytes: int
    crop: tuple[int, int, int, int]
    image: tuple[int, int, int]
    image_bytes: int
    result_bytes: int
    program_size: int
    identity: int
    frame_us: int
    max_candidates: int
    max_detections: int


def npu_project_files(
    model: AcceleratedModel,
    board: Board,
    link: Link = "spi",
    *,
    selftest_crc: int,
    kernel_level: str = "-O2",
) -> dict[str, bytes]:
    """All files of the project, by path in its folder; the same arguments give the same bytes.

    Args:
        model: The model.
        board: The board.
        link: How it reaches the accelerator.
        selftest_crc: CRC-32 of the outputs that it must give for a camera's picture of
            selftest_inputs().
        kernel_level: Compilers' -O flag for kernels.

    Raises:
        UsageError: The board has no pins for an accelerator.
    """
    if board.accelerator is None:
        raise UsageError(
            f"board {board.name} has no pins for an accelerator",
            "Add a table [accelerator] to its file, see docs/tinynpu.md; stm32l4r9 has one.",
        )
    check_model_name(model.graph.name)
    rest = model.rest
    name = rest.graph.name if rest else model.graph.name
    sources = {
        path: text.encode() if isinstance(text, str) else text
        for path, text in (rest.sources.items() if rest else ())
    }
    kernels = rest.kernels if rest else ()
    if model.graph.detector is not None:
        kernels = (*kernels, KERNEL)
    own = _link_files(board, link)
    files = runtime_files(board, kernels, sources | own) | sources | own
    files["config/npu_program.h"] = _program_header(model)
    if model.graph.detector is not None:
        files["config/npu_detect.h"] = _detection_header(model.graph.detector)
    text = ModelText(
        name=name,
        macro=name.upper(),
        board_literal=c_string(board.title),
        inputs=(),
        outputs=(),
        arenas=tuple(arena.memory for arena in rest.plan.arenas) if rest else (),
        input_form="arena",
        input_memory="",
        has_state=False,
        selftest_crc=selftest_crc,
    )
    return assemble_project(
        files,
        _TEMPLATES,
        board,
        text,
        kernel_level=kernel_level,
        npu=_describe(model),
        interrupt=_INTERRUPTS[link],
        link=link,
    )


def _describe(model: AcceleratedModel) -> _NpuText:
    graph, rest, offsets = model.graph, model.rest, model.offsets
    settings = model.preprocessing
    ports = number_ports(rest.graph, rest.graph.inputs) if rest else ()
    inputs = rest.graph.inputs if rest else ()
    made = rest.graph.outputs if rest else ()
    suffixes = [port.suffix for port in number_ports(rest.graph, made)] if rest else []
    outputs = []
    for tensor in graph.outputs:
        facts = graph.tensors[tensor]
        quantization = facts.quantization
        outputs.append(
            _Output(
                suffix=suffixes[made.index(tensor)] if tensor in made else "",
                offset=None if tensor in made else offsets[tensor],
                bytes=facts.size_bytes,
                scale=c_float(quantization.scale if quantization else 1.0),
                zero_point=quantization.zero_point if quantization else 0,
            )
        )
    return _NpuText(
        name=graph.name,
        has_rest=rest is not None,
        rest_inputs=tuple(
            _RestInput(port.suffix, offsets[tensor], graph.tensors[tensor].size_bytes)
            for port, tensor in zip(ports, inputs, strict=True)
        ),
        outputs=tuple(outputs),
        camera=settings.camera,
        camera_bytes=settings.camera_bytes,
        crop=settings.crop,
        image=settings.size,
        image_bytes=int(np.prod(settings.size)),
        result_bytes=model.result_bytes,
        program_size=len(model.program),
        identity=model.identity,
        frame_us=model.frame_us,
        max_candidates=graph.detector.spec.max_candidates if graph.detector else 0,
        max_detections=graph.detector.spec.max_detections if graph.detector else 0,
    )


def _program_header(model: AcceleratedModel) -> bytes:
    """The program and the table of pixel values; app_model.c alone includes it."""
    program = format_array("uint8_t", "npu_program_bytes", np.frombuffer(model.program, np.uint8))
    table = model.preprocessing.table
    rows = ",\n".join(f"    {{{', '.join(map(str, row))}}}" for row in table.tolist())
    return (
        "/* SPDX-License-Identifier: 0BSD */\n"
        f"/* TinyNPU's program, and what the net makes of 0 to 255. */\n#include <stdint.h>\n\n"
        f"{program}\nstatic const int8_t npu_input_table[{len(table)}][256] = {{\n{rows},\n}};\n"
    ).encode()


def _detection_header(detector: Detector) -> bytes:
    """How outputs become boxes; app_model.c alone includes it."""
    return (
        "/* SPDX-License-Identifier: 0BSD */\n"
        "/* The tables by which the net's outputs become boxes. */\n"
        f'#include "td_detect.h"\n\n{write_tables(detector)}'
    ).encode()


def _link_files(board: Board, link: Link) -> dict[str, bytes]:
    """The host's code, beside the application."""
    common, family = FIRMWARE / "npu", FIRMWARE / "npu" / board.family
    folders = (common, common / link, family, family / link)
    return {
        f"app/{path.name}": path.read_bytes()
        for folder in folders
        for path in sorted(folder.iterdir())
        if path.suffix in (".c", ".h")
    }
