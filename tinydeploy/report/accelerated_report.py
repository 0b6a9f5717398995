"""The report of a build with an accelerator: what was measured, and what models say."""

from __future__ import annotations

import json
from dataclasses import asdict, dataclass


@dataclass(frozen=True)
class AcceleratedReport:
    """What was measured and what models say.

    Args:
        model: Name.
        board: Name.
        board_title: The vendor's name of it.
        compiler: Name and version.
        accelerator: Name.
        link: How it is linked: "spi" or "sdio".
        macs: Multiply-accumulates of one inference, and those of them on the accelerator.
        accelerator_macs: See `macs`.
        split: Operators by where they run, with the reason why they stay: (operator, reason).
        program_bytes: Of the accelerator's program.
        image_bytes: Of the net's input.
        result_bytes: That come back.
        camera: Height and width of the camera's picture, RGB565.
        flash_bytes: Of the firmware, the program included.
        ram_bytes: Of the firmware.
        pictures: That went through the emulated system; all outputs equal TinyNPU's reference.
        bytes_compared: Of these outputs.
        litert_bytes_equal: Share of output bytes that also equal LiteRT's int8.
        litert_largest_difference: Largest difference to LiteRT's, in steps of the outputs.
        litert_top1: Share of pictures whose best class is LiteRT's; None for other outputs.
        boxes: That a detector tells of the pictures, and that it would of LiteRT's outputs; None
            where the net is none.
        litert_boxes: The latter; see `boxes`.
        same_boxes: Of `litert_boxes`: told too, of the same class, corners within a pixel.
        prepare_ms: Time of the core for a single picture, emulated: one cycle per instruction.
        link_and_compute_ms: From a prepared image to its results, for a single picture.
        rest_ms: Of what stays on the core.
        accelerator_ms: Of the accelerator for a frame, by its cycle model.
        frame_ms: Of one frame of many in a row, emulated, over SPI at 60 MHz.
        frames_per_second: Of these.
        spi_ms: A frame's time on the wires of SPI at 60 MHz, computed.
        sdio_ms: The same of 4-bit SDIO at 48 MHz, computed.
        sdio_frames_per_second: Bound by the slowest of SDIO, accelerator, and the core's stages.
        energy_mj: Of a frame in a row over SPI: npu/power.py, and a host of 86.4 mW.
    """

    model: str
    board: str
    board_title: str
    compiler: str
    accelerator: str
    link: str
    macs: int
    accelerator_macs: int
    split: list[tuple[str, str]]
    program_bytes: int
    image_bytes: int
    result_bytes: int
    camera: tuple[int, int]
    flash_bytes: int
    ram_bytes: int
    pictures: int
    bytes_compared: int
    litert_bytes_equal: float
    litert_largest_difference: int
    litert_top1: float | None
    boxes: int | None
    litert_boxes: int | None
    same_boxes: int | None
    prepare_ms: float
    link_and_compute_ms: float
    rest_ms: float
    accelerator_ms: float
    frame_ms: float
    frames_per_second: float
    spi_ms: float
    sdio_ms: float
    sdio_frames_per_second: float
    energy_mj: float

    def to_json(self) -> str:
        """The report as a JSON document."""
        return json.dumps(asdict(self), indent=2) + "\n"
