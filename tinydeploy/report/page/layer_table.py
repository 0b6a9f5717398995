"""The table of layers."""

from __future__ import annotations

from dataclasses import dataclass

from tinydeploy.report.build_report import BuildReport
from tinydeploy.report.page.words import make_printable, short_name, show_shape


@dataclass(frozen=True)
class LayerRow:
    """A layer; None for what was not measured, `percent` of the costliest layer's instructions."""

    index: int
    name: str
    full_name: str
    op: str
    kernel: str
    shape: str
    macs: int
    instructions: int | None
    percent: float
    per_mac: float | None
    cycles: int | None
    weights: int
    flash: int
    live: int
    at_peak: bool
    snr: float | None


@dataclass(frozen=True)
class LayerTable:
    """All layers and their sums; `ran` and `has_snr` say which columns there are."""

    rows: tuple[LayerRow, ...]
    macs: int
    instructions: int
    per_mac: float | None
    cycles: int
    weights: int
    flash: int
    ran: bool
    has_snr: bool


def view_layers(report: BuildReport) -> LayerTable:
    """The table of a report's layers."""
    levels = {layer.output: layer.snr_db for layer in report.quantization}
    most = max((layer.instructions or 0 for layer in report.layers), default=0)
    rows = tuple(
        LayerRow(
            index=layer.index,
            name=short_name(layer.name),
            full_name=make_printable(layer.name),
            op=layer.op,
            kernel=layer.kernel,
            shape=show_shape(layer.output_shape),
            macs=layer.macs,
            instructions=layer.instructions,
            percent=round(100 * (layer.instructions or 0) / most, 1) if most else 0.0,
            per_mac=layer.instructions / layer.macs
            if layer.instructions is not None and layer.macs
            else None,
            cycles=layer.cycles_estimated,
            weights=layer.weights_bytes,
            flash=layer.flash_bytes,
            live=layer.live_bytes,
            at_peak=layer.index == report.memory.peak.layer,
            snr=levels.get(layer.name),
        )
        for layer in report.layers
    )
    macs = sum(row.macs for row in rows)
    instructions = sum(row.instructions or 0 for row in rows)
    return LayerTable(
        rows,
        macs=macs,
        instructions=instructions,
        per_mac=instructions / macs if macs else None,
        cycles=sum(row.cycles or 0 for row in rows),
        weights=sum(row.weights for row in rows),
        flash=sum(row.flash for row in rows),
        ran=any(row.instructions is not None for row in rows),
        has_snr=any(row.snr is not None for row in rows),
    )
