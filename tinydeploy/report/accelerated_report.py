"""The report of a build with an accelerator: what was measured, and what models say.

docs/report.md explains each entry; accelerated_report.schema.json, beside this file, is its JSON
schema. Unknown figures are None, null in JSON.
"""

from __future__ import annotations

import builtins
from collections.abc import Mapping
from dataclasses import asdict, dataclass
from pathlib import Path

from tinydeploy.report.build_report import (
    BoxFacts,
    BudgetFacts,
    OriginFacts,
    PrecisionFacts,
    RegionFacts,
    SymbolFacts,
    to_json,
)

SCHEMA = "tinydeploy-npu-report-1"
SCHEMA_FILE = Path(__file__).with_name("accelerated_report.schema.json")


@dataclass(frozen=True)
class PlacedLayerFacts:
    """A layer and where it runs.

    `instructions` are numbers of those in the program that it became; `reason` says why it stays on
    the microcontroller, and is empty for one that does not.
    """

    index: int
    op: str
    name: str
    output_shape: tuple[int, ...]
    macs: int
    instructions: tuple[int, ...]
    reason: str


@dataclass(frozen=True)
class InstructionFacts:
    """An instruction of a frame; `unit` is empty for control, `layer` None for what none needs.

    It occupies its unit in the cycles [start, finish), counted from the frame's image on.
    """

    name: str
    unit: str
    layer: int | None
    start: int
    finish: int


@dataclass(frozen=True)
class ProgramFacts:
    """The accelerator's program: its memory in bytes, and a frame by the cycle model.

    `busy` are the cycles in which each unit works; `instructions` are in the program's order.
    """

    identity: str
    clock_hz: int
    memory_bytes: int
    code_bytes: int
    constants_bytes: int
    features_bytes: int
    cycles: int
    busy: Mapping[str, int]
    instructions: tuple[InstructionFacts, ...]


@dataclass(frozen=True)
class HostMemoryFacts:
    """Flash and RAM of the microcontroller, from the linked ELF; `program_bytes` are in flash."""

    program_bytes: int
    code_bytes: int
    weights_bytes: int
    constants_bytes: int
    arena_bytes: int
    static_bytes: int
    stack_reserved_bytes: int
    regions: tuple[RegionFacts, ...]
    symbols: tuple[SymbolFacts, ...]


@dataclass(frozen=True)
class StreamFacts:
    """The link while frames come in a row: how many, transactions, what had to be repeated."""

    frames: int
    transactions: int
    repeated: int
    resets: int


@dataclass(frozen=True)
class EnergyFacts:
    """The model's parameters, in milliwatts; `accelerator_idle_mw` is assumed, not published."""

    host_mw: float
    accelerator_mw: float
    accelerator_idle_mw: float


@dataclass(frozen=True)
class NetQualityFacts:
    """Of one net's test outputs: share, 0 to 1, of right classes; or mAP of a detector's boxes."""

    accuracy: float | None
    precision: PrecisionFacts | None


@dataclass(frozen=True)
class ComparedQualityFacts:
    """How well the same test samples are answered by three kinds of arithmetic.

    `objects` are those that a detector has to find; None of a classifier.
    """

    samples: int
    objects: int | None
    float: NetQualityFacts | None
    litert: NetQualityFacts
    tinynpu: NetQualityFacts


@dataclass(frozen=True)
class ScoreFacts:
    """A class and its score, as the net gives it."""

    label: str
    score: builtins.float


@dataclass(frozen=True)
class ClassifiedPictureFacts:
    """A picture that went through the emulated system, in `file`; `right` is empty if unknown."""

    file: str
    right: str
    litert: tuple[ScoreFacts, ...]
    tinynpu: tuple[ScoreFacts, ...]


@dataclass(frozen=True)
class ComparedPictureFacts:
    """A picture that went through the emulated system, with the boxes of both drawn in `file`."""

    file: str
    litert: tuple[BoxFacts, ...]
    tinynpu: tuple[BoxFacts, ...]


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
        link_and_compute_ms: In which the core waits for link and accelerator, for a single picture.
        rest_ms: Of what stays on the core.
        accelerator_ms: Of the accelerator for a frame, by its cycle model.
        frame_ms: Of one frame of many in a row, emulated.
        frames_per_second: Of these.
        wires: What the link is, in words.
        wires_ms: A frame's time on them, computed.
        energy_mj: Of a frame in a row: npu/power.py, and a host of 86.4 mW.
        layers: Where each layer runs.
        program: What the accelerator runs.
        host_memory: Of the microcontroller.
        budget: What the build was allowed to use.
        stream: The link, while frames came in a row.
        energy: Parameters of the energy's model.
        quality: On labelled or marked test samples; None where there are none.
        classified: Some of the pictures, of a net that names classes.
        detected: Some of the pictures, of a detector.
        tflite_sha256: Of the int8 file.
        source: Where the net came from.
        tinydeploy: Version that built.
        origin: What it takes to make the same again.
    """

    model: str
    board: str
    board_title: str
    compiler: str
    accelerator: str
    link: str
    macs: int
    accelerator_macs: int
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
    wires: str
    wires_ms: float
    energy_mj: float
    layers: tuple[PlacedLayerFacts, ...]
    program: ProgramFacts
    host_memory: HostMemoryFacts
    budget: BudgetFacts
    stream: StreamFacts
    energy: EnergyFacts
    quality: ComparedQualityFacts | None
    classified: tuple[ClassifiedPictureFacts, ...]
    detected: tuple[ComparedPictureFacts, ...]
    tflite_sha256: str
    source: str
    tinydeploy: str
    origin: OriginFacts
    schema: str = SCHEMA

    @property
    def picture_files(self) -> tuple[str, ...]:
        """Files beside the report that show pictures."""
        shown = [picture.file for picture in self.classified]
        return (*shown, *(picture.file for picture in self.detected))

    def to_json(self) -> str:
        """The text of npu_report.json."""
        return to_json({"schema": self.schema, **asdict(self)})
