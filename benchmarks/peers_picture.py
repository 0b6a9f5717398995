"""A picture of instructions and RAM beside the peers', from the tables of docs/performance.md.

python -m benchmarks.peers_picture docs/performance.md docs/peers.svg
"""

from __future__ import annotations

import re
import sys
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from tinydeploy.plan.picture.scene import LETTER, Label, Scene, Shape
from tinydeploy.plan.picture.svg import write_svg

BOARD = "stm32h743"
TITLES: Mapping[str, str] = {
    "mlperf_tiny_vww": "MobileNetV1 0.25 (vww)",
    "mlperf_tiny_ic": "ResNet-8 (ic)",
    "mlperf_tiny_kws": "DS-CNN (kws)",
    "mlperf_tiny_ad": "autoencoder (ad)",
    "person_detect": "person_detect",
    "etinynet_1.0_224": "EtinyNet-1.0, 224x224",
}
# Of Okabe and Ito's colours, which are told apart whatever the eye; bars also keep their order.
OURS, THEIRS, ENGINE = "#0072b2", "#999999", "#e69f00"
_LEFT, _BAR, _GAP, _WIDE, _BETWEEN = 150.0, 11.0, 12.0, 330.0, 84.0
_TOP = 62.0


@dataclass(frozen=True)
class Bar:
    """A figure of one tool."""

    tool: str
    colour: str
    value: int


@dataclass(frozen=True)
class Row:
    """One model: for each panel, its bars; the first is what the others are set against."""

    title: str
    panels: tuple[Sequence[Bar], ...]


def read_rows(text: str) -> list[Row]:
    """The models that peers have figures of, from the page's tables."""
    models = {row["model"]: row for row in read_table(text, f"models {BOARD}")}
    sizes = {row["model"]: row for row in read_table(text, f"sizes {BOARD}")}
    rows = []
    for name, title in TITLES.items():
        speed, size = models[name], sizes[name]
        instructions = [
            Bar("TFLM + CMSIS-NN", THEIRS, _number(speed["TFLM + CMSIS-NN"])),
            Bar("tinydeploy", OURS, _number(speed["instructions"])),
        ]
        if speed["TinyEngine"]:
            instructions.insert(1, Bar("TinyEngine", ENGINE, _number(speed["TinyEngine"])))
        arena = [
            Bar("TFLM + CMSIS-NN", THEIRS, _number(size["TFLM: arena"])),
            Bar("tinydeploy", OURS, _number(size["arena"])),
        ]
        rows.append(Row(title, (instructions, arena)))
    return rows


def read_table(text: str, name: str) -> Iterator[dict[str, str]]:
    """The rows of the table behind the comment of that name, by the titles of its columns."""
    body = text.partition(f"<!-- {name} -->\n")[2].partition("<!-- end -->")[0]
    lines = [[cell.strip() for cell in line.strip("| ").split(" | ")] for line in body.splitlines()]
    head = lines[0]
    for line in lines[2:]:
        yield dict(reversed(list(zip(head, line + [""] * len(head), strict=False))))


def draw_rows(rows: Sequence[Row]) -> Scene:
    """Two panels of bars, of each model the longest as long as there is room."""
    width = _LEFT + 2 * (_WIDE + _BETWEEN)
    title = "One inference on the Cortex-M7, beside TensorFlow Lite Micro with CMSIS-NN"
    labels = [Label(10, 20, title)]
    shapes: list[Shape] = []
    legend = _LEFT
    for tool, colour in (("TFLM + CMSIS-NN", THEIRS), ("TinyEngine", ENGINE), ("tinydeploy", OURS)):
        shapes.append(Shape(colour, ((legend, 29, 9, 9),)))
        labels.append(Label(legend + 14, 37, tool, colour="quiet"))
        legend += 14 + LETTER * (len(tool) + 3)
    for panel, head in enumerate(("instructions", "RAM besides the stack, bytes")):
        labels.append(Label(_LEFT + panel * (_WIDE + _BETWEEN), _TOP - 6, head))
    y = _TOP
    for row in rows:
        height = max(len(panel) for panel in row.panels) * _BAR
        labels.append(Label(_LEFT - 10, y + height / 2 + 4, row.title, "end"))
        for number, bars in enumerate(row.panels):
            x = _LEFT + number * (_WIDE + _BETWEEN)
            longest = max(bar.value for bar in bars)
            for k, bar in enumerate(bars):
                top = y + k * _BAR
                long = _WIDE * 0.86 * bar.value / longest
                hint = f"{row.title}, {bar.tool}: {bar.value:,}"
                shapes.append(Shape(bar.colour, ((x, top + 1, long, _BAR - 2),), hint))
                labels.append(Label(x + long + 5, top + _BAR - 2, _describe(bar, bars[0])))
        y += height + _GAP
    return Scene(width, y, title, tuple(shapes), tuple(labels))


def _describe(bar: Bar, first: Bar) -> str:
    share = "" if bar is first else f" ({bar.value / first.value:.0%})"
    return f"{bar.value:,}{share}"


def _number(cell: str) -> int:
    return int(re.sub(r"[*,]", "", cell))


def main(words: Sequence[str]) -> None:
    """Reads the first file and writes the second."""
    source, target = map(Path, words)
    target.write_text(write_svg(draw_rows(read_rows(source.read_text("utf-8")))), "utf-8")


if __name__ == "__main__":
    main(sys.argv[1:])
