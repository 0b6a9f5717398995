"""The report of a build: everything that was measured, as one frozen record and as JSON.

docs/report.md explains each entry; report.schema.json, beside this file, is its JSON schema.
Unknown figures are None, null in JSON.
"""

from __future__ import annotations

import builtins
import dataclasses
import json
import math
import re
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

SCHEMA = "tinydeploy-report-1"
# An array of numbers over several lines; a line break cannot be inside of a string.
_NUMBERS = re.compile(r"\[\n[-+.\de,\s]*\n\s*\]")
SCHEMA_FILE = Path(__file__).with_name("report.schema.json")


@dataclass(frozen=True)
class TensorFacts:
    """An input or output: real value = scale * (q - zero_point)."""

    name: str
    shape: tuple[int, ...]
    scale: float
    zero_point: int


@dataclass(frozen=True)
class PreprocessingFacts:
    """How pixels of 0 to 255 become the first input: (pixel - mean) / std; "" is not known."""

    mean: tuple[float, ...]
    std: tuple[float, ...]
    color: str
    resize: str
    crop_fraction: float


@dataclass(frozen=True)
class ModelFacts:
    """The net; `macs` as the literature counts them, `tflite_bytes` of the int8 file."""

    name: str
    source: str
    macs: int
    parameters: int
    tflite_bytes: int
    tflite_sha256: str
    inputs: tuple[TensorFacts, ...]
    outputs: tuple[TensorFacts, ...]
    labels: tuple[str, ...]
    preprocessing: PreprocessingFacts | None


@dataclass(frozen=True)
class BoardFacts:
    """The board, as its file describes it; `baud` is what the console was built for."""

    name: str
    title: str
    chip: str
    cpu: str
    clock_hz: int
    baud: int


@dataclass(frozen=True)
class RegionFacts:
    """One memory of the board; `arena_touched_bytes` is the highest arena byte the run wrote."""

    name: str
    address: int
    size: int
    used_bytes: int
    arena_bytes: int
    arena_touched_bytes: int | None


@dataclass(frozen=True)
class HeldFacts:
    """What is live at the peak: rows of a tensor, or scratch; `layer` made it, -1 is the input."""

    layer: int
    name: str
    scratch: bool
    bytes: int


@dataclass(frozen=True)
class PeakFacts:
    """The moment at which most bytes of the arenas are live, and what they are, largest first.

    `layer`: the one that runs then; None while inputs are written or outputs are read.
    """

    bytes: int
    layer: int | None
    text: str
    held: tuple[HeldFacts, ...]


@dataclass(frozen=True)
class GroupFacts:
    """Layers that take turns during the moments [begin, end); -1 is the writing of input rows."""

    begin: int
    end: int
    layers: tuple[int, ...]


@dataclass(frozen=True)
class OccupantFacts:
    """Rows of a tensor, or scratch, over time; `layer` made it, -1 is the input.

    `bytes` are the most of it at one moment; `rectangles` are (begin, end, birth, death): bytes
    [begin, end) of the memory's arena during the moments [birth, death).
    """

    memory: str
    layer: int
    name: str
    shape: tuple[int, ...]
    scratch: bool
    bytes: int
    rectangles: tuple[tuple[int, int, int, int], ...]


@dataclass(frozen=True)
class TimelineFacts:
    """What lies where and when in the arenas.

    Moment 0 is the writing of the inputs, moment k the k-th call of a layer, the last of `moments`
    the reading of the outputs; at moment `peak` most is live.
    """

    moments: int
    peak: int
    groups: tuple[GroupFacts, ...]
    occupants: tuple[OccupantFacts, ...]


@dataclass(frozen=True)
class SymbolFacts:
    """A function or a variable of the linked firmware; `kind` as in MemoryFacts' figures."""

    name: str
    kind: str
    memory: str
    bytes: int


@dataclass(frozen=True)
class MemoryFacts:
    """Flash and RAM, all from the linked ELF but for what is named planned, bound or touched.

    `input_form` is what --input said; `input_bytes` are those of the buffer outside the arena that
    whoever calls the model has the input, or a row of it, in. `symbols` are the largest first.
    """

    flash_bytes: int
    code_bytes: int
    weights_bytes: int
    constants_bytes: int
    ram_bytes: int
    arena_bytes: int
    arena_planned_bytes: int
    arena_lower_bound_bytes: int
    scratch_bytes: int
    static_bytes: int
    stack_reserved_bytes: int
    stack_high_water_bytes: int | None
    regions: tuple[RegionFacts, ...]
    input_form: str
    input_bytes: int
    peak: PeakFacts
    timeline: TimelineFacts
    symbols: tuple[SymbolFacts, ...]


@dataclass(frozen=True)
class BudgetFacts:
    """What the build was allowed to use."""

    flash_bytes: int
    ram_bytes: int
    met: bool


@dataclass(frozen=True)
class InferenceFacts:
    """One inference in the emulated board: exact instructions; cycles and latency estimated.

    `longest_push_instructions`: of the longest NAME_push_row(), where rows are pushed.
    `detection_instructions`: of NAME_detect() on one input's outputs, beside `instructions`.
    """

    core: str
    instructions: int
    instructions_per_mac: float | None
    cycles_estimated: int | None
    latency_ms_estimated: float | None
    longest_push_instructions: int | None
    detection_instructions: int | None


@dataclass(frozen=True)
class ChoiceFacts:
    """A kernel that can run a layer: estimates for all of the layer in one call."""

    kernel: str
    form: str | None
    scratch_bytes: int
    instructions_estimated: int
    cycles_estimated: int


@dataclass(frozen=True)
class LayerFacts:
    """One layer of the executed plan; instructions are exact.

    `kernel` is the file in firmware/kernels/ that runs it, without suffix; `choices` are that
    kernel and others. `inputs` are the layers that make its inputs, -1 the model's input;
    `flash_bytes` are linked for it alone: weights, constants, its function, no kernel; of them
    `weights_bytes` are weights;
    `held_bytes` are the most of its outputs at one time, `live_bytes` the most of all arenas while
    it runs.
    """

    index: int
    name: str
    op: str
    kernel: str
    output_shape: tuple[int, ...]
    macs: int
    scratch_bytes: int
    instructions: int | None
    cycles_estimated: int | None
    choices: tuple[ChoiceFacts, ...]
    inputs: tuple[int, ...]
    input_shapes: tuple[tuple[int, ...], ...]
    flash_bytes: int
    weights_bytes: int
    held_bytes: int
    live_bytes: int


@dataclass(frozen=True)
class PlanFacts:
    """One memory plan of the model; `instructions` are exact, of the chosen one where it ran.

    `input_bytes` as in MemoryFacts: of a buffer outside the arena. `extra_macs` are executed beyond
    those of the model.
    """

    name: str
    arena_bytes: int
    input_bytes: int
    lower_bound_bytes: int
    instructions_estimated: int
    instructions: int | None
    cycles_estimated: int
    extra_macs: int
    chosen: bool


@dataclass(frozen=True)
class PlaceFacts:
    """Comparison of one place (host, emulator, board) with the reference."""

    vectors: int
    bytes_compared: int
    bytes_mismatched: int
    tensors_compared: int
    first_difference: str | None


@dataclass(frozen=True)
class ValidationFacts:
    """`bit_exact`: every place that was compared equals the reference in every byte."""

    bit_exact: bool
    reference: str
    host: PlaceFacts | None
    emulator: PlaceFacts | None
    board: PlaceFacts | None


@dataclass(frozen=True)
class AccuracyFacts:
    """Shares, 0 to 1, of test samples whose class is right, by the float and the int8 net.

    `confusion` is that of the int8 net: (right class, class named, samples), no entry of 0.
    """

    float: builtins.float
    int8: builtins.float
    samples: int
    classes: int
    confusion: tuple[tuple[int, int, int], ...]


@dataclass(frozen=True)
class FidelityFacts:
    """Closeness of the int8 net's outputs to the float net's."""

    snr_db: float | None
    top1_agreement: float | None
    samples: int
    cosine: float
    top5_agreement: float | None


@dataclass(frozen=True)
class PrecisionFacts:
    """Mean average precision, 0 to 1: with boxes that overlap by half, and COCO's mean."""

    map_50: builtins.float
    map_50_95: builtins.float


@dataclass(frozen=True)
class BoxFacts:
    """An object found: `box` is (x0, y0, x1, y1) in pixels of the net's input."""

    label: str
    score: builtins.float
    box: tuple[builtins.float, ...]


@dataclass(frozen=True)
class DetectedPictureFacts:
    """A test picture with what the nets find in it, drawn in `file`, beside report.json."""

    file: str
    float: tuple[BoxFacts, ...] | None
    int8: tuple[BoxFacts, ...]


@dataclass(frozen=True)
class DetectionFacts:
    """How well the detector finds the objects of the test pictures.

    The thresholds are those of the firmware; mAP looks at all scores.
    """

    float: PrecisionFacts | None
    int8: PrecisionFacts
    samples: int
    objects: int
    score_threshold: builtins.float
    iou_threshold: builtins.float
    pictures: tuple[DetectedPictureFacts, ...]


@dataclass(frozen=True)
class QuantizationFacts:
    """How close a layer of the quantized net came to the float net's, on calibration inputs.

    `snr_db`: of its output, with the errors of all layers before; `rounding_db`: what rounding and
    clipping this output alone would leave; `corrected_db`: what correcting its biases gave;
    `saturated`: part of the float values beyond the range of its integers, of type `dtype`.
    """

    output: str
    kind: str
    snr_db: float | None
    rounding_db: float | None
    corrected_db: float | None
    saturated: float
    dtype: str


@dataclass(frozen=True)
class RangeFacts:
    """The range of a quantized tensor: real value = scale * (q - zero_point).

    `layer` makes it, or has it as weights; -1 is the model's input. Of weights with a scale per
    channel, `scale` is the largest. `low` and `high` are the least and greatest q that were seen,
    `saturated` the part, 0 to 1, of values that only the range has put to its ends, `histogram`
    counts of four numbers each from -128 on; None and empty where no samples were run, and of
    int16.
    """

    name: str
    layer: int
    weights: bool
    dtype: str
    scale: float
    zero_point: int
    low: int | None
    high: int | None
    saturated: float | None
    histogram: tuple[int, ...]


@dataclass(frozen=True)
class RangesFacts:
    """Ranges of all weights, and of all activations, which `samples` inputs were run for."""

    samples: int
    tensors: tuple[RangeFacts, ...]


@dataclass(frozen=True)
class OriginFacts:
    """What it takes to make the same again.

    `command` is empty where no command line asked for the build; `packages` are versions of what
    may have had a part in it.
    """

    command: str
    python: str
    packages: Mapping[str, str]
    firmware_sha256: str


@dataclass(frozen=True)
class BuildReport:
    """All of report.json."""

    tinydeploy: str
    model: ModelFacts
    board: BoardFacts
    compiler: str
    memory: MemoryFacts
    budget: BudgetFacts
    inference: InferenceFacts | None
    layers: tuple[LayerFacts, ...]
    plans: tuple[PlanFacts, ...]
    validation: ValidationFacts | None
    accuracy: AccuracyFacts | None
    fidelity: FidelityFacts | None
    detection: DetectionFacts | None
    quantization: tuple[QuantizationFacts, ...]
    ranges: RangesFacts
    origin: OriginFacts
    seconds: Mapping[str, float]
    schema: str = SCHEMA

    @property
    def picture_files(self) -> tuple[str, ...]:
        """Files beside the report that show pictures."""
        shown = () if self.detection is None else self.detection.pictures
        return tuple(picture.file for picture in shown)

    def to_json(self) -> str:
        """The text of report.json. Infinite figures (the SNR of equal outputs) become null."""
        return to_json({"schema": self.schema, **dataclasses.asdict(self)})


def to_json(content: Mapping[str, Any]) -> str:
    """Its text, indented, arrays of numbers on one line. Infinite figures become null."""
    text = json.dumps(_finite(content), indent=2, allow_nan=False) + "\n"
    return _NUMBERS.sub(lambda match: " ".join(match[0].split()), text)


def _finite(value: Any) -> Any:
    """The same value with null for floats that JSON cannot say."""
    if isinstance(value, Mapping):
        return {key: _finite(entry) for key, entry in value.items()}
    if isinstance(value, (list, tuple)):
        return [_finite(entry) for entry in value]
    return None if isinstance(value, float) and not math.isfinite(value) else value
