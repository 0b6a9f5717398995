"""A build for TinyNPU over a bad link, in the emulated board."""

from __future__ import annotations

import re
import time
import zlib
from pathlib import Path

import numpy as np

from tinydeploy.board import Board, Link
from tinydeploy.emulate.emulated_board import EmulatedBoard
from tinydeploy.graph.passes import fuse_graph
from tinydeploy.graph.read import read_graph
from tinydeploy.link.client import BoardClient
from tinydeploy.npu.compiler import compile_graph
from tinydeploy.npu.link_faults import LinkFaults
from tinydeploy.npu.preprocess import plan_preprocessing, prepare_image
from tinydeploy.npu.reference import run_arithmetic
from tinydeploy.validate.accelerator import (
    SILENCE_S,
    SIMULATOR,
    Stream,
    stream_frames,
    stream_images,
)


def meet_board(emulated: EmulatedBoard) -> BoardClient:
    """A client of a board that has booted, and to which nothing is said before.

    A byte that comes while frames go over the link costs the core an interrupt, after which other
    faults come: what this machine is busy with must not decide on that.
    """
    client = BoardClient(emulated.transport, timeout_s=SILENCE_S, least_s=SILENCE_S)
    give_up = time.monotonic() + SILENCE_S
    while not re.search(r"self-test .*\n", client.text):
        assert time.monotonic() < give_up, f"no self-test in {client.text!r}"
        client.read_text(0.02)
    client.hello()
    return client


def run_build(
    folder: Path, board: Board, link: Link, frames: int, faults: LinkFaults
) -> tuple[Stream, dict[str, int]]:
    """Runs frames in a row and compares all outputs; of nets that leave nothing to the board.

    Args:
        folder: The output of a build.
        board: The board that it is for.
        link: Between board and TinyNPU.
        frames: How many.
        faults: Of that.

    Returns:
        What the firmware says, and what the device's side counted.
    """
    graph = fuse_graph(read_graph((folder / "model.tflite").read_bytes(), "etinynet_digits"))
    compiled = compile_graph(graph)
    assert compiled.split.rest is None
    settings = plan_preprocessing(graph)
    picture = np.random.default_rng(4).integers(0, 1 << 16, settings.camera, np.uint16)
    images = stream_images(prepare_image(settings, picture), frames)
    crc = 0
    for image in images:
        outputs = run_arithmetic(graph, image[None], graph.outputs)
        for tensor in graph.outputs:
            crc = zlib.crc32(outputs[tensor].tobytes(), crc)
    with EmulatedBoard(
        folder / "firmware.elf", board, accelerator=SIMULATOR, link=link, faults=faults
    ) as emulated:
        meet_board(emulated).infer([picture.tobytes()])
        shown = stream_frames(emulated.transport, frames)
        assert shown.crc == crc, "the emulated firmware accepted a wrong result"
        return shown, emulated.accelerator_counts()
