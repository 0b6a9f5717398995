"""The course of a training as a picture: accuracy and loss over the steps of each stage, as SVG."""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from html import escape

from tinydeploy.train.state import Row

_COLORS = ("#2563eb", "#d97706", "#059669", "#dc2626", "#7c3aed", "#475569")
_WIDTH, _HEIGHT, _LEFT, _TOP, _GAP = 420, 240, 56, 36, 70
_TICKS = 4


def draw_curves(rows: Sequence[Row]) -> str:
    """Two charts side by side: accuracy on validation pictures, and the loss."""
    stages = list(dict.fromkeys(row.stage for row in rows))
    charts = (
        _draw_chart("accuracy, %", rows, stages, lambda row: 100 * row.accuracy, 0),
        _draw_chart("loss", rows, stages, lambda row: row.loss, _WIDTH + _GAP),
    )
    width = 2 * _WIDTH + _GAP + _LEFT + 20
    height = _HEIGHT + _TOP + 50
    legend = "".join(
        f'<text x="{_LEFT + 130 * index}" y="{height - 6}" fill="{_color(index)}">'
        f"{escape(stage)}</text>"
        for index, stage in enumerate(stages)
    )
    return (
        f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {width} {height}" '
        f'font-family="sans-serif" font-size="12"><rect width="100%" height="100%" fill="white"/>'
        f"{''.join(charts)}{legend}</svg>\n"
    )


def _draw_chart(
    title: str, rows: Sequence[Row], stages: Sequence[str], value: Callable[[Row], float], left: int
) -> str:
    values = [value(row) for row in rows]
    low, high = min(values), max(values)
    low, high = (low, high) if high > low else (low - 1, high + 1)
    last = max(row.step for row in rows)

    def place(row: Row) -> str:
        across = left + _LEFT + _WIDTH * row.step / last
        down = _TOP + _HEIGHT * (high - value(row)) / (high - low)
        return f"{across:.1f},{down:.1f}"

    parts = [f'<text x="{left + _LEFT}" y="20" font-weight="bold">{escape(title)}</text>']
    for tick in range(_TICKS + 1):
        at = _TOP + _HEIGHT * tick / _TICKS
        shown = high - (high - low) * tick / _TICKS
        parts.append(
            f'<line x1="{left + _LEFT}" x2="{left + _LEFT + _WIDTH}" y1="{at:.1f}" y2="{at:.1f}" '
            f'stroke="#e5e7eb"/><text x="{left + _LEFT - 6}" y="{at + 4:.1f}" '
            f'text-anchor="end">{_shorten(shown)}</text>'
        )
    bottom = _TOP + _HEIGHT + 18
    parts.append(
        f'<text x="{left + _LEFT + _WIDTH}" y="{bottom}" text-anchor="end">step {last:,}</text>'
    )
    for index, stage in enumerate(stages):
        points = " ".join(place(row) for row in rows if row.stage == stage)
        parts.append(
            f'<polyline points="{points}" fill="none" stroke="{_color(index)}" stroke-width="2"/>'
        )
    return "".join(parts)


def _color(index: int) -> str:
    return _COLORS[index % len(_COLORS)]


def _shorten(value: float) -> str:
    """Three significant digits."""
    digits = 2 - math.floor(math.log10(abs(value))) if value else 0
    return f"{value:.{min(max(digits, 0), 4)}f}"
