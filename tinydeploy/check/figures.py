"""What is compared of a build: its figures, its layers, and what is live at its peak."""

from __future__ import annotations

import dataclasses
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from tinydeploy.report.accelerated_report import AcceleratedReport, NetQualityFacts
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
    memory, run = report.memory, report.inference
    exact, found = _take_accuracy(report)
    snr = None if report.fidelity is None else report.fidelity.snr_db
    if snr is not None and not snr < _EQUAL_DB:
        snr = _EQUAL_DB
    values = {
        "flash": memory.flash_bytes,
        "ram": memory.ram_bytes,
        "stack": memory.stack_high_water_bytes,
        "instructions": None if run is None else run.instructions,
        "latency": None if run is None else run.latency_ms_estimated,
        **_list_accuracy(exact, found),
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
    exact = None if quality is None else _take_share(quality.float)
    found = None if quality is None else _take_share(quality.tinynpu)
    measured = {
        "flash": report.flash_bytes,
        "ram": report.ram_bytes,
        "latency": report.frame_ms,
        **_list_accuracy(exact, found),
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


def _take_accuracy(report: BuildReport) -> tuple[float | None, float | None]:
    """Of the float and the int8 net: shares of right classes, or a detector's mAP@0.5."""
    if report.accuracy is not None:
        return report.accuracy.float, report.accuracy.int8
    if report.detection is None:
        return None, None
    exact = report.detection.float
    return None if exact is None else exact.map_50, report.detection.int8.map_50


def _take_share(net: NetQualityFacts | None) -> float | None:
    """Its share of right classes, or its mAP@0.5."""
    if net is None:
        return None
    return net.accuracy if net.precision is None else net.precision.map_50


def _list_accuracy(exact: float | None, found: float | None) -> dict[str, float | None]:
    """What `accuracy` and `max_drop` limit, of shares of 0 to 1."""
    drop = None if exact is None or found is None else round(100 * (exact - found), 4)
    return {"accuracy": None if found is None else round(found, 6), "max_drop": drop}


def write_figures(figures: Figures) -> dict[str, Any]:
    """As JSON has it."""
    return dataclasses.asdict(figures)


def read_figures(content: Any) -> Figures:
    """From JSON that may have been edited by hand.

    Raises:
        ValueError: An entry is missing or of another type; the message names it.
    """
    return read_record(Figures, content)
