"""Pictures with boxes: what the float net and the int8 net find, side by side."""

from __future__ import annotations

import io
from collections.abc import Sequence
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from tinydeploy.detection.boxes import Detections
from tinydeploy.detection.objects import Objects

if TYPE_CHECKING:
    from PIL import ImageDraw

_SIDE = 288  # of the longer side of a panel, pixels
_TITLE = 18
_GAP = 6
_TRUTH = (255, 255, 255)
# Told apart with all kinds of colour vision (Okabe and Ito), by class in turn.
_COLORS = (
    (230, 159, 0), (86, 180, 233), (0, 158, 115), (240, 228, 66), (213, 94, 0), (204, 121, 167),
)  # fmt: skip


def draw_detections(
    pixels: NDArray[np.uint8],
    panels: Sequence[tuple[str, Detections]],
    truth: Objects | None,
    labels: Sequence[str],
) -> bytes:
    """A PNG with the picture once per panel, enlarged, and the panel's boxes on it.

    Args:
        pixels: [h, w, 1 or 3], gray or RGB.
        panels: Title of each, and what is found.
        truth: The right boxes, drawn thin and white; None where they are not known.
        labels: Names of the classes.
    """
    from PIL import Image, ImageDraw

    height, width = pixels.shape[:2]
    scale = max(1, round(_SIDE / max(height, width)))
    picture = Image.fromarray(np.broadcast_to(pixels, (height, width, 3)).astype(np.uint8))
    picture = picture.resize((scale * width, scale * height), Image.Resampling.NEAREST)
    step = picture.width + _GAP
    sheet = Image.new("RGB", (step * len(panels) - _GAP, picture.height + _TITLE), "black")
    for place, (title, found) in enumerate(panels):
        panel = picture.copy()
        draw = ImageDraw.Draw(panel)
        if truth is not None:
            for box in truth.boxes:
                draw.rectangle([float(scale * edge) for edge in box], outline=_TRUTH)
        for box, score, kind in zip(found.boxes, found.scores, found.classes, strict=True):
            color = _COLORS[int(kind) % len(_COLORS)]
            edges = [float(scale * edge) for edge in box]
            draw.rectangle(edges, outline=color, width=2)
            _write_label(draw, edges, f"{labels[int(kind)]} {score:.2f}", color, panel.width)
        sheet.paste(panel, (place * step, _TITLE))
        ImageDraw.Draw(sheet).text((place * step + 4, 3), title, fill="white")
    stream = io.BytesIO()
    sheet.save(stream, "PNG")
    return stream.getvalue()


def _write_label(
    draw: ImageDraw.ImageDraw,
    edges: Sequence[float],
    text: str,
    color: tuple[int, int, int],
    width: int,
) -> None:
    """Above the box, or inside of it at the picture's upper edge; never beyond the right one."""
    left, top, right, bottom = draw.textbbox((0, 0), text)
    x = max(0.0, min(edges[0], width - (right - left) - 3))
    y = edges[1] - bottom - 2 if edges[1] >= bottom + 2 else edges[1]
    draw.rectangle([x, y, x + right - left + 3, y + bottom - top + 4], fill=color)
    draw.text((x + 2, y), text, fill="black")
