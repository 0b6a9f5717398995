"""What a picture consists of, whatever file it becomes: filled boxes and lines of text."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

Role = Literal["paper", "ink", "quiet", "faint", "peak"]
"""What a colour is for; the file decides which colour that is."""

Box = tuple[float, float, float, float]
"""x, y, width, height; y goes down."""

LETTER, CAPITAL = 6.0, 7.0  # a character's advance, and the height of a capital


@dataclass(frozen=True)
class Shape:
    """Boxes of one colour.

    Args:
        colour: Its role, or the colour itself as "#rrggbb".
        boxes: The boxes.
        hint: What it is, for files that can show it on demand.
    """

    colour: Role | str
    boxes: tuple[Box, ...]
    hint: str = ""


@dataclass(frozen=True)
class Label:
    """A line of text in letters of one width.

    Args:
        x: Where it is anchored.
        y: Its base line.
        text: Printable ASCII.
        anchor: Which of its ends lies at x.
        colour: Its role, or the colour itself as "#rrggbb".
    """

    x: float
    y: float
    text: str
    anchor: Literal["start", "middle", "end"] = "start"
    colour: Role | str = "ink"


@dataclass(frozen=True)
class Scene:
    """A picture; later shapes cover earlier ones, and labels cover shapes."""

    width: float
    height: float
    title: str
    shapes: tuple[Shape, ...]
    labels: tuple[Label, ...]
