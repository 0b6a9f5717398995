"""Ranges of tensors, how their values lie in them, and what rounding to them cost."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass

from tinydeploy.report.build_report import BuildReport, RangeFacts
from tinydeploy.report.page.words import make_printable, short_name, show_real

_LIMITS = {"int8": (-128, 127), "int16": (-32768, 32767)}


@dataclass(frozen=True)
class RangeRow:
    """A tensor.

    Args:
        facts: What is known.
        name: Shortened.
        full_name: All of it.
        low: Real value of its least number.
        high: Real value of its greatest one.
        used: Part of its numbers between the least and the greatest seen, 0 to 1.
        bars: Histogram as an SVG path, 64 wide and 20 high; heights are square roots of counts.
        zero: The x of its zero point.
        snr: Of the output against float, dB.
        rounding: What rounding this output alone would leave, dB.
    """

    facts: RangeFacts
    name: str
    full_name: str
    low: str
    high: str
    used: float | None
    bars: str
    zero: float
    snr: float | None
    rounding: float | None


@dataclass(frozen=True)
class RangeTable:
    """All tensors: `samples` inputs were run for the histograms of activations."""

    samples: int
    activations: tuple[RangeRow, ...]
    weights: tuple[RangeRow, ...]
    has_snr: bool


def view_ranges(report: BuildReport) -> RangeTable:
    """The table of a report's ranges."""
    levels = {layer.output: (layer.snr_db, layer.rounding_db) for layer in report.quantization}
    rows = [_row(facts, *levels.get(facts.name, (None, None))) for facts in report.ranges.tensors]
    return RangeTable(
        report.ranges.samples,
        tuple(row for row in rows if not row.facts.weights),
        tuple(row for row in rows if row.facts.weights),
        has_snr=bool(report.quantization),
    )


def _row(facts: RangeFacts, snr: float | None, rounding: float | None) -> RangeRow:
    least, greatest = _LIMITS.get(facts.dtype, (0, 1))
    used = None
    if facts.low is not None and facts.high is not None:
        used = (facts.high - facts.low + 1) / (greatest - least + 1)
    if facts.weights and facts.zero_point == 0:  # symmetric: -128 is left out
        least = -greatest
    return RangeRow(
        facts=facts,
        name=short_name(facts.name),
        full_name=make_printable(facts.name),
        low=show_real(facts.scale * (least - facts.zero_point)),
        high=show_real(facts.scale * (greatest - facts.zero_point)),
        used=used,
        bars=_draw_bars(facts.histogram),
        zero=round((facts.zero_point + 128.5) / 4, 2),
        snr=snr,
        rounding=rounding,
    )


def _draw_bars(counts: Sequence[int]) -> str:
    most = max(counts, default=0)
    if not most:
        return ""
    path = ""
    for k, count in enumerate(counts):
        if count:
            height = max(0.6, round(20 * math.sqrt(count / most), 1))
            path += f"M{k} 20v-{height:g}h1v{height:g}z"
    return path
