"""Boxes drawn into a picture, each with its class and score."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray
from PIL import Image, ImageDraw, ImageFont

# Okabe and Ito's colours, which the colour-blind tell apart, without black.
_COLOURS = ("#e69f00", "#56b4e9", "#009e73", "#f0e442", "#0072b2", "#d55e00", "#cc79a7")
_PARTS = 40  # of the picture's longer side: the height of letters
_LEAST_LETTER = 9


def draw_boxes(
    picture: Image.Image,
    boxes: NDArray[np.floating],
    labels: Sequence[str],
    scores: Sequence[float],
    numbers: Sequence[int],
) -> Image.Image:
    """A copy of a picture in RGB with boxes in it, the first on top.

    Args:
        picture: Any.
        boxes: [n, 4] of (x0, y0, x1, y1) in the picture's pixels.
        labels: Of each box.
        scores: Of each box, 0 to 1.
        numbers: Of each box's class; equal ones have the same colour.
    """
    drawn = picture.convert("RGB")
    draw = ImageDraw.Draw(drawn)
    letter = max(_LEAST_LETTER, max(picture.size) // _PARTS)
    font = ImageFont.load_default(letter)
    line = max(1, letter // 6)
    every = list(zip(boxes.tolist(), labels, scores, numbers, strict=True))
    for (x0, y0, x1, y1), label, score, number in reversed(every):
        colour = _COLOURS[number % len(_COLOURS)]
        draw.rectangle((x0, y0, max(x0, x1 - 1), max(y0, y1 - 1)), outline=colour, width=line)
        text = f"{label} {score:.2f}"
        left, top, right, bottom = draw.textbbox((0, 0), text, font=font)
        wide, high = right - left + 2 * line, bottom - top + 2 * line
        x = min(max(0, x0), max(0, picture.width - wide))
        y = y0 - high if y0 >= high else y0
        draw.rectangle((x, y, x + wide, y + high), fill=colour)
        draw.text((x + line - left, y + line - top), text, fill="black", font=font)
    return drawn
