"""`python -m benchmarks.boxes`: what it costs to read boxes from a detector's outputs.

For each detector and board a small image is built whose outputs have the detector's shapes. They
are then written in the emulated board, and the instructions of NAME_detect() counted: of pictures
without objects, of outputs as trained nets give them, and of those that are made to take long.
Each answer must be the reference's.
"""

from __future__ import annotations

import argparse
import sys
import tempfile
from collections.abc import Iterator
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from benchmarks.__main__ import place_tables
from tinydeploy.board import load_board
from tinydeploy.codegen.detection import bound_instructions
from tinydeploy.codegen.generate import generate_sources, list_kernels
from tinydeploy.detection.spec import METADATA_NAME, DetectionSpec
from tinydeploy.emulate.emulated_board import EmulatedBoard
from tinydeploy.errors import TinydeployError
from tinydeploy.graph.passes import fuse_graph
from tinydeploy.graph.read import read_graph
from tinydeploy.link.client import BoardClient
from tinydeploy.plan.memory import plan_memory
from tinydeploy.project.build import build_firmware
from tinydeploy.project.toolchain import find_toolchain
from tinydeploy.project.write import project_files, write_project
from tinydeploy.quantize.tflite_operators import OptionValue
from tinydeploy.quantize.tflite_writer import TfliteWriter
from tinydeploy.validate.emulator import count_detection
from tinydeploy.zoo.etinynet_ssd import (
    AUTHORS_SPEC,
    VOC_CLASSES,
    make_picture_spec,
    make_scene_spec,
)

Outputs = list[NDArray[np.int8]]

_BOARDS = ("stm32h743", "stm32l4r9")
_SPECS = {
    "etinynet-ssd-96": make_scene_spec("0123456789"),
    "256x256, 4 anchors, 20 classes": replace(AUTHORS_SPEC, classes=VOC_CLASSES),
    "etinynet-ssd-voc": make_picture_spec(VOC_CLASSES),
}
_LOGIT_SCALE, _OFFSET_SCALE = 0.09, 0.05
_USUAL = 5  # pictures


@dataclass(frozen=True)
class Cost:
    """What reading boxes costs.

    Args:
        board: Its name.
        detector: Its name.
        anchors: Number.
        empty: Instructions, where there is nothing but background.
        usual: Most instructions of outputs as trained nets give them.
        most: Of those that were made to take long.
        bound: Instructions that nothing exceeds, see `bound_instructions`.
        code: Bytes of flash.
        tables: Bytes of flash.
        scratch: Bytes of the arena.
    """

    board: str
    detector: str
    anchors: int
    empty: int
    usual: int
    most: int
    bound: int
    code: int
    tables: int
    scratch: int


def make_headless(spec: DetectionSpec) -> bytes:
    """A .tflite with a detector's outputs, each a 1x1 convolution of the picture, all weights 1."""
    writer = TfliteWriter()
    image = writer.add_tensor(
        "image", (1, *spec.image_size, 1), "int8", scales=[1], zero_points=[0]
    )
    outputs = []
    for number, shape in enumerate(spec.output_shapes):
        # Each source has scales of its own, and so tables.
        scale = (_OFFSET_SCALE if number % 2 else _LOGIT_SCALE) * (1 + number / 16)
        weights = np.ones((shape[3], 1, 1, 1), np.int8)
        kernel = writer.add_tensor("kernel", weights.shape, "int8", scales=[0.01], data=weights)
        made = writer.add_tensor("out", shape, "int8", scales=[scale], zero_points=[0])
        stride = spec.sources[number // 2].stride
        options: dict[str, OptionValue] = {"StrideH": stride, "StrideW": stride, "Padding": "SAME"}
        writer.add_op("CONV_2D", [image, kernel], [made], options)
        outputs.append(made)
    return writer.finish([image], outputs, metadata={METADATA_NAME: spec.to_json().encode()})


def list_cases(spec: DetectionSpec) -> Iterator[tuple[str, Outputs]]:
    """Outputs, each with the column that it counts for."""
    rng = np.random.default_rng(0)

    def make(logits: NDArray[np.float64], offsets: float) -> Outputs:
        outputs, first = [], 0
        for number, shape in enumerate(spec.output_shapes):
            values = rng.normal(0, offsets, shape)
            if number % 2 == 0:
                count = values.size // logits.shape[1]
                values = logits[first : first + count].reshape(shape)
                first += count
            outputs.append(np.clip(np.rint(values), -128, 127).astype(np.int8))
        return outputs

    def others(level: float) -> NDArray[np.float64]:
        return rng.normal(level, 12, (spec.anchor_count, len(spec.classes) + 1))

    logits = others(-40)
    logits[:, 0] += 100
    yield "empty", make(logits, 20)
    for _ in range(_USUAL):
        usual = logits.copy()
        sure = np.flatnonzero(rng.random(len(logits)) < 0.02)
        usual[sure, rng.integers(1, logits.shape[1], len(sure))] = 60 + rng.normal(
            20, 20, len(sure)
        )
        yield "usual", make(usual, 20)
    # Every anchor is a candidate and displaces another; few boxes make way for others.
    rising = np.full(logits.shape, -128.0)
    rising[:, -1] = np.linspace(-100, 127, len(logits))
    for spread in (0, 20, 60, 120):
        yield "most", make(rising, spread)
        yield "most", make(rising[::-1], spread)
        yield "most", make(others(0) * 3, spread)


def measure(board_name: str, name: str, spec: DetectionSpec) -> Cost:
    """Builds the image and counts.

    Raises:
        TinydeployError: It cannot be built, or does not answer as it should.
    """
    board, tflite = load_board(board_name), make_headless(spec)
    graph = fuse_graph(read_graph(tflite, "net"))
    plan = plan_memory(graph, board)
    sources = generate_sources(graph, plan, board, tflite=tflite)
    detector = graph.detector
    assert detector is not None
    with tempfile.TemporaryDirectory() as folder:
        kernels = list_kernels(graph, plan)
        files = project_files(graph, plan, sources, kernels, board, selftest_crc=0)
        write_project(Path(folder), files)
        firmware = build_firmware(Path(folder), board, find_toolchain())
        counts: dict[str, list[int]] = {}
        with EmulatedBoard(firmware.elf, board) as emulated:
            client = BoardClient(emulated.transport, attempts=240)
            client.hello()
            for case, outputs in list_cases(spec):
                for tensor, values in zip(graph.outputs, outputs, strict=True):
                    rows = plan.rows[tensor]
                    arena = emulated.image.symbols[f"{graph.name}_arena_{rows.memory}"]
                    emulated.write_memory(arena + rows.offset, values.tobytes())
                found = client.read_output(len(graph.outputs))
                assert found == detector.pack(outputs).tobytes(), "wrong boxes"
                counts.setdefault(case, []).append(count_detection(emulated, client, graph) or 0)
            image = emulated.image
    bound = bound_instructions(spec)
    assert max(max(part) for part in counts.values()) <= bound, "the bound is none"
    return Cost(
        board=board_name,
        detector=name,
        anchors=spec.anchor_count,
        empty=max(counts["empty"]),
        usual=max(counts["usual"]),
        most=max(counts["most"]),
        bound=bound,
        code=sum(f.size for f in image.functions if "detect" in f.name or f.file == "detect_s8.c"),
        tables=sum(v.size for v in image.variables if v.name.startswith("detect_")),
        scratch=detector.scratch_bytes,
    )


def show_costs(costs: list[Cost]) -> str:
    """One line per detector and board."""
    head = ["detector", "board", "anchors", "no objects", "some objects", "most found", "bound"]
    head += ["code", "tables", "scratch"]
    lines = [head, ["---", "---", *["---:"] * (len(head) - 2)]]
    for c in costs:
        figures = (c.anchors, c.empty, c.usual, c.most, c.bound, c.code, c.tables, c.scratch)
        lines.append([c.detector, c.board, *(f"{figure:,}" for figure in figures)])
    return "".join(f"| {' | '.join(line)} |\n" for line in lines)


def main() -> int:
    """Measures, prints, and writes where asked to."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks.boxes", description=__doc__)
    parser.add_argument("--write", type=Path, metavar="FILE", help="put the table into this file")
    arguments = parser.parse_args()
    try:
        costs = [measure(board, name, spec) for name, spec in _SPECS.items() for board in _BOARDS]
    except TinydeployError as error:
        print(f"error: {error.message}", file=sys.stderr)  # noqa: T201 (a program's output)
        return error.exit_code
    table = show_costs(costs)
    print(table, end="")  # noqa: T201
    if arguments.write:
        text = arguments.write.read_text(encoding="utf-8")
        arguments.write.write_text(place_tables(text, {"boxes": table}), encoding="utf-8")
    return 0


if __name__ == "__main__":
    sys.exit(main())
