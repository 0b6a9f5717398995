"""Pictures of the net's input: as they are, or with the boxes that nets find side by side."""

from __future__ import annotations

import io
from collections.abc import Sequence
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from tinydeploy.detection.boxes import Detections
from tinydeploy.detection.objects import Objects

if TYPE_CHECKING:
    from PIL import Image

_SIDE, _ALONE = 288, 160  # of the longer side of a panel, and of a picture alone, pixels
_TITLE = 18
_GAP = 6
_TRUTH = (255, 255, 255)


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

    from tinydeploy.report.draw_boxes import draw_boxes

    picture, scale = _enlarge(pixels, _SIDE)
    step = picture.width + _GAP
    sheet = Image.new("RGB", (step * len(panels) - _GAP, picture.height + _TITLE), "black")
    for place, (title, found) in enumerate(panels):
        panel = picture.copy()
        draw = ImageDraw.Draw(panel)
        if truth is not None:
            for x0, y0, x1, y1 in scale * truth.boxes:
                draw.rectangle((x0, y0, max(x0, x1 - 1), max(y0, y1 - 1)), outline=_TRUTH)
        names = [labels[int(kind)] for kind in found.classes]
        classes = found.classes.tolist()
        panel = draw_boxes(panel, scale * found.boxes, names, found.scores.tolist(), classes)
        sheet.paste(panel, (place * step, _TITLE))
        ImageDraw.Draw(sheet).text((place * step + 4, 3), title, fill="white")
    return _write_png(sheet)


def draw_picture(pixels: NDArray[np.uint8]) -> bytes:
    """A PNG of pixels [h, w, 1 or 3], gray or RGB, enlarged."""
    return _write_png(_enlarge(pixels, _ALONE)[0])


def _enlarge(pixels: NDArray[np.uint8], side: int) -> tuple[Image.Image, int]:
    """The picture in RGB, its longer side about so many pixels, and how much larger it is."""
    from PIL import Image

    height, width = pixels.shape[:2]
    scale = max(1, round(side / max(height, width)))
    picture = Image.fromarray(np.broadcast_to(pixels, (height, width, 3)).astype(np.uint8))
    return picture.resize((scale * width, scale * height), Image.Resampling.NEAREST), scale


def _write_png(picture: Image.Image) -> bytes:
    stream = io.BytesIO()
    picture.save(stream, "PNG")
    return stream.getvalue()
