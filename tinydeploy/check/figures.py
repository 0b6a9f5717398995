"""What is compared of a build: its figures, its layers, and what is live at its peak."""

from __future__ import annotations

import dataclasses
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from tinydeploy.report.accelerated_report import AcceleratedReport
from tinydeploy.report.build_report import BuildReport
from tinydeploy.report.read_report import read_record

_SHOWN_NAME = 40
# What an SNR counts as where the outputs are equal: more than float32 can tell.
_EQUAL_DB = 200.0


@dataclass(frozen=True)
class LayerFigures:
    """One layer; bytes, exact instructions, estimated cycles as in docs/report.md.

    `inputs` are indices of the layers that make its inputs, -1 the model's input; `snr` is that of
    its output on calibration inputs in dB, None where there is no float net.
    """

    index: int
    name: str
    op: str
    kernel: str
    inputs: tuple[int, ...]
    input_shapes: tuple[tuple[int, ...], ...]
    output_shape: tuple[int, ...]
    macs: int
    flash: int
    held: int
    live: int
    scratch: int
    instructions: int | None
    cycles: int | None
    snr: float | None = None

    @property
    def title(self) -> str:
        """How texts name it: `layer 3 (CONV_2D conv3/Relu)`."""
        name = self.name.partition(";")[0]  # converters list all ops that became one
        name = "".join(c if c.isprintable() else "?" for c in name)
        if len(name) > _SHOWN_NAME:
            name = f"…{name[1 - _SHOWN_NAME :]}"
        return f"layer {self.index} ({self.op}{' ' if name else ''}{name})"


@dataclass(frozen=True)
class HeldFigures:
    """What is live at the peak: the layer that made it, -1 the input; its rows or its scratch."""

    layer: int
    scratch: bool
    bytes: int


@dataclass(frozen=True)
class Figures:
    """What one build came to.

    Args:
        board: Name of the board.
        compiler: Name and version.
        values: By resource, see limits.py; None where it was not, or cannot be, measured.
        code: Bytes of code in flash; all kernels together.
        arena: Bytes of all arenas.
        peak_layer: The layer that runs while most is live; None at the ends of a run.
        held: What is live then, the largest first.
        layers: In the order of the plan.
    """

    board: str
    compiler: str
    values: Mapping[str, float | None]
    code: int
    arena: int
    peak_layer: int | None
    held: tuple[HeldFigures, ...]
    layers: tuple[LayerFigures, ...]


def take_figures(report: BuildReport) -> Figures:
    """The figures of a report."""
    memory, run, accuracy = report.memory, report.inference, report.accuracy
    snr = None if report.fidelity is None else report.fidelity.snr_db
    if snr is not None and not snr < _EQUAL_DB:
        snr = _EQUAL_DB
    values = {
        "flash": memory.flash_bytes,
        "ram": memory.ram_bytes,
        "stack": memory.stack_high_water_bytes,
        "instructions": None if run is None else run.instructions,
        "latency": None if run is None else run.latency_ms_estimated,
        "accuracy": None if accuracy is None else round(accuracy.int8, 6),
        "max_drop": None if accuracy is None else round(100 * (accuracy.float - accuracy.int8), 4),
        "snr": None if snr is None else round(snr, 3),
    }
    levels = {
        layer.output: round(min(layer.snr_db, _EQUAL_DB), 2)
        for layer in report.quantization
        if layer.snr_db is not None
    }
    return Figures(
        board=report.board.name,
        compiler=report.compiler,
        values=values,
        code=memory.code_bytes,
        arena=memory.arena_bytes,
        peak_layer=memory.peak.layer,
        held=tuple(HeldFigures(h.layer, h.scratch, h.bytes) for h in memory.peak.held),
        layers=tuple(
            LayerFigures(
                index=layer.index,
                name=layer.name,
                op=layer.op,
                kernel=layer.kernel,
                inputs=layer.inputs,
                input_shapes=layer.input_shapes,
                output_shape=layer.output_shape,
                macs=layer.macs,
                flash=layer.flash_bytes,
                held=layer.held_bytes,
                live=layer.live_bytes,
                scratch=layer.scratch_bytes,
                instructions=layer.instructions,
                cycles=layer.cycles_estimated,
                snr=levels.get(layer.name),
            )
            for layer in report.layers
        ),
    )


def take_accelerated_figures(report: AcceleratedReport) -> Figures:
    """The figures of a build with an accelerator: flash, RAM, accuracy, and a frame's latency."""
    quality = report.quality
    accuracy = None if quality is None else quality.tinynpu.accuracy
    exact = None if quality is None or quality.float is None else quality.float.accuracy
    measured = {
        "flash": report.flash_bytes,
        "ram": report.ram_bytes,
        "latency": report.frame_ms,
        "accuracy": None if accuracy is None else round(accuracy, 6),
        "max_drop": None
        if accuracy is None or exact is None
        else round(100 * (exact - accuracy), 4),
    }
    unknown = ("stack", "instructions", "snr")
    return Figures(
        board=report.board,
        compiler=report.compiler,
        values=measured | dict.fromkeys(unknown),
        code=0,
        arena=0,
        peak_layer=None,
        held=(),
        layers=(),
    )


def write_figures(figures: Figures) -> dict[str, Any]:
    """As JSON has it."""
    return dataclasses.asdict(figures)


def read_figures(content: Any) -> Figures:
    """From JSON that may have been edited by hand.

    Raises:
        ValueError: An entry is missing or of another type; the message names it.
    """
    return read_record(Figures, content)
