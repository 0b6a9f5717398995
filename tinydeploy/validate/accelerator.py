"""A host with its accelerator, in the emulated board, compared with the reference of both."""

from __future__ import annotations

import re
import zlib
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from tinydeploy.board import Board, Link
from tinydeploy.emulate.emulated_board import EmulatedBoard
from tinydeploy.errors import BoardLinkError, MismatchError
from tinydeploy.link.client import BoardClient
from tinydeploy.link.transport import Transport
from tinydeploy.npu.link_faults import NO_FAULTS, LinkFaults
from tinydeploy.npu.preprocess import Preprocessing, pack_rgb565, prepare_image
from tinydeploy.npu.reference import run_arithmetic
from tinydeploy.project.npu import AcceleratedModel
from tinydeploy.validate.boxes import find_boxes
from tinydeploy.validate.host import build_host

Array = NDArray[Any]

SIMULATOR = "tinydeploy.npu.machine:Machine"

# An emulated line loses nothing, and a request that is repeated while a frame is under way would
# cost the core an interrupt: however busy this machine is, the firmware gets it once.
SILENCE_S = 120.0
_LINE = re.compile(
    r"npu: (?P<frames>\d+) frames, (?P<cycles>\d+) cycles, accelerator (?P<accelerator>\d+) cycles"
    r" each, (?P<transactions>\d+) transactions, (?P<repeated>\d+) repeated, (?P<resets>\d+)"
    r" resets, outputs (?P<crc>[0-9a-f]{8})"
)


@dataclass(frozen=True)
class Stream:
    """What the firmware says of frames in a row.

    Args:
        frames: How many.
        cycles: Of the core, for all of them.
        accelerator: Cycles of the accelerator, for the last one.
        transactions: Of the link.
        repeated: Requests that were sent again.
        resets: Of the accelerator.
        crc: CRC-32 of all outputs.
    """

    frames: int
    cycles: int
    accelerator: int
    transactions: int
    repeated: int
    resets: int
    crc: int


@dataclass(frozen=True)
class SystemRun:
    """What host and accelerator did in the emulated board.

    Args:
        pictures: Whose outputs were compared, all equal.
        bytes_compared: Of them.
        stages: Cycles of the core for a single picture: preparing, accelerator and link, rest.
        stream: Frames in a row.
        clock_hz: Of the core.
        faults: What the accelerator's side counted.
    """

    pictures: int
    bytes_compared: int
    stages: tuple[int, int, int]
    stream: Stream
    clock_hz: float
    faults: dict[str, int]


class SystemReference:
    """Computes what host and accelerator must give: TinyNPU's definition, then the rest's C.

    Args:
        model: Both parts.
    """

    def __init__(self, model: AcceleratedModel) -> None:
        self._model = model

    def prepare(self, pictures: Sequence[NDArray[np.uint16]]) -> Array:
        """The net's inputs [n, *shape] of pictures."""
        settings = self._model.preprocessing
        return np.stack([prepare_image(settings, picture) for picture in pictures])

    def compute(self, images: Array) -> tuple[Array, ...]:
        """The net's outputs, each int8 [n, *shape], of its inputs [n, h, w, c].

        A detector's boxes follow, int8 [n, bytes] as `Detector.pack` has them.
        """
        model = self._model
        parts = [run_arithmetic(model.graph, image[None], model.boundary) for image in images]
        given = {tensor: np.stack([part[tensor] for part in parts]) for tensor in model.boundary}
        if model.rest is not None:
            graph = model.rest.graph
            sources = {p: t for p, t in model.rest.sources.items() if isinstance(t, str)}
            with build_host(graph, model.rest.plan, sources) as program:
                made = program.run([given[tensor] for tensor in graph.inputs])
            given |= dict(zip(graph.outputs, made, strict=True))
        outputs = tuple(given[tensor] for tensor in model.graph.outputs)
        return (*outputs, *find_boxes(model.graph, outputs))


def make_pictures(
    settings: Preprocessing, samples: Array | None, count: int
) -> list[NDArray[np.uint16]]:
    """Pictures of a camera, RGB565: samples in front of it as far as there are some, then noise.

    Args:
        settings: Sizes, and the net's values of 0 to 255.
        samples: The net's inputs, int8 [n, h, w, c]; None for none.
        count: How many.
    """
    generator = np.random.default_rng(0xCA3E)
    top, left, height, width = settings.crop
    h, w, channels = settings.size
    rows, columns = np.arange(height) * h // height, np.arange(width) * w // width
    pictures = []
    for number in range(count):
        picture = generator.integers(0, 1 << 16, settings.camera, np.uint16)
        if samples is not None and number < min(len(samples), count_samples(count)):
            image = samples[number].reshape(h, w, channels)
            levels = np.stack([_levels(settings.table[k], image[..., k]) for k in range(channels)])
            color = np.moveaxis(levels if channels == 3 else levels.repeat(3, axis=0), 0, -1)
            part = pack_rgb565(color[rows][:, columns])
            picture[top : top + height, left : left + width] = part
        pictures.append(picture)
    return pictures


def count_samples(count: int) -> int:
    """Of so many pictures of `make_pictures`, those that show samples where there are enough."""
    return (count + 1) // 2


def run_system(
    elf: Path,
    board: Board,
    pictures: Sequence[NDArray[np.uint16]],
    expected: Sequence[Array],
    stream: Sequence[Array],
    tell: Callable[[str], None],
    link: Link = "spi",
    faults: LinkFaults = NO_FAULTS,
) -> SystemRun:
    """Boots the image with a TinyNPU behind its link, and puts pictures through both.

    Args:
        elf: The image.
        board: The board.
        pictures: RGB565.
        expected: Outputs for them, each [n, ...].
        stream: Outputs, each [m, ...], for m frames of the last picture in a row, as the
            firmware's command makes them.
        tell: Is told how far it is.
        link: How the firmware reaches the TinyNPU.
        faults: What goes wrong between the two.

    Raises:
        MismatchError: Any byte differs.
        BoardLinkError: The firmware does not answer, or reports an error.
        EmulationError: It faults.
    """
    with EmulatedBoard(elf, board, accelerator=SIMULATOR, link=link, faults=faults) as emulated:
        client = BoardClient(emulated.transport, timeout_s=SILENCE_S, least_s=SILENCE_S)
        tell("booting")
        client.hello()
        test = client.selftest()
        if not test.passed:
            raise MismatchError(
                f"the firmware's self-test fails: CRC {test.found:08x}, not {test.expected:08x}",
                "Host and accelerator compute something else than the reference: please report it.",
            )
        client.hello()
        compared, stages = 0, (0, 0, 0)
        for number, picture in enumerate(pictures):
            tell(f"picture {number + 1} of {len(pictures)}")
            cycles = client.profile([picture.tobytes()])
            stages = (cycles[0], cycles[1], cycles[2])
            for place, values in enumerate(expected):
                found, right = client.read_output(place), values[number].tobytes()
                if found != right:
                    raise MismatchError(
                        f"output {place} of picture {number} differs from TinyNPU's reference",
                        "This is a bug in tinydeploy: please report it with the model.",
                    )
                compared += len(right)
        frames = len(stream[0])
        tell(f"{frames} frames in a row")
        shown = stream_frames(emulated.transport, frames)
        crc = 0
        for number in range(frames):
            for values in stream:
                crc = zlib.crc32(values[number].tobytes(), crc)
        if shown.crc != crc:
            raise MismatchError(
                f"{frames} frames in a row give outputs of CRC {shown.crc:08x}, not {crc:08x}",
                "Frame by frame they are right: the overlap of transfer and computing is wrong.",
            )
        return SystemRun(
            pictures=len(pictures),
            bytes_compared=compared,
            stages=stages,
            stream=shown,
            clock_hz=emulated.core_clock_hz(),
            faults=emulated.accelerator_counts(),
        )


def stream_images(image: Array, frames: int) -> Array:
    """The images [frames, ...] that the firmware's text command makes of one."""
    images = np.repeat(image[None], frames, axis=0)
    first = images.reshape(frames, -1)[:, 0].view(np.uint8)
    images.reshape(frames, -1)[:, 0] = (first ^ (np.arange(frames) & 0xFF).astype(np.uint8)).view(
        np.int8
    )
    return images


def stream_frames(transport: Transport, frames: int) -> Stream:
    """Has the firmware run the last picture many times in a row.

    Raises:
        BoardLinkError: It reports an error, or nothing.
    """
    transport.write(f"\0stream {frames}\n".encode())
    text = ""
    while piece := transport.read(256, SILENCE_S):
        text += piece.decode(errors="replace")
        if found := _LINE.search(text):
            counts = {k: int(v) for k, v in found.groupdict().items() if k != "crc"}
            return Stream(**counts, crc=int(found["crc"], 16))
        if error := re.search(r"npu: error \d+", text):
            raise BoardLinkError(
                f"the firmware reports '{error[0]}'", "docs/tinynpu.md lists its errors."
            )
    raise BoardLinkError("the firmware does not answer to 'stream'")


def _levels(table: NDArray[np.int8], values: Array) -> NDArray[np.uint8]:
    """The pixel values that come closest to these of the net."""
    by_value = np.abs(table[None].astype(int) - np.arange(-128, 128)[:, None]).argmin(axis=1)
    levels: NDArray[np.uint8] = by_value[values.astype(int) + 128].astype(np.uint8)
    return levels
