"""Results as a picture: a line per combination, with the mean and every seed, as SVG."""

from __future__ import annotations

from collections.abc import Sequence
from html import escape

from tinydeploy.train.benchmark.campaign import Result
from tinydeploy.train.benchmark.tables import group_scores
from tinydeploy.train.methods.table import METHODS

_LEFT, _RIGHT, _ROW, _TOP, _WIDTH = 330, 70, 22, 40, 420


def draw_results(results: Sequence[Result]) -> str:
    """Accuracy of each data set, network and method; seeds as dots, the mean as a bar's end."""
    cells = group_scores(results)
    values = [value for cell in cells.values() for value in cell.values]
    low = min(values, default=0.0) - 2
    span = max(values, default=100.0) + 1 - low

    def across(value: float) -> float:
        return _LEFT + _WIDTH * (value - low) / span

    parts = [f'<text x="{_LEFT}" y="20" font-weight="bold">accuracy, %</text>']
    for index, ((place, method), cell) in enumerate(cells.items()):
        down = _TOP + _ROW * index
        label = f"{place}: {METHODS[method].short}"
        parts.append(
            f'<text x="{_LEFT - 8}" y="{down + 4}" text-anchor="end">{escape(label)}</text>'
        )
        if cell.mean is not None:
            width = across(cell.mean) - _LEFT
            parts.append(
                f'<rect x="{_LEFT}" y="{down - 7}" width="{width:.1f}" height="14" fill="#bfdbfe"/>'
            )
        shown = f"{cell.mean:.1f}" if cell.mean is not None else str(cell)
        parts.append(f'<text x="{_LEFT + _WIDTH + 8}" y="{down + 4}">{escape(shown)}</text>')
        parts += [
            f'<circle cx="{across(value):.1f}" cy="{down}" r="3" fill="#1d4ed8"/>'
            for value in cell.values
        ]
    width, height = _LEFT + _WIDTH + _RIGHT, _TOP + _ROW * len(cells)
    return (
        f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {width} {height}" '
        f'font-family="sans-serif" font-size="12"><rect width="100%" height="100%" fill="white"/>'
        f"{''.join(parts)}</svg>\n"
    )
