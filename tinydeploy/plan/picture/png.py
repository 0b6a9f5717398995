"""A scene as PNG, for places that show no SVG: light colours, letters of dots."""

from __future__ import annotations

import struct
import zlib

import numpy as np
from numpy.typing import NDArray

from tinydeploy.plan.picture.font import HEIGHT, draw_letter
from tinydeploy.plan.picture.scene import CAPITAL, LETTER, Label, Scene
from tinydeploy.plan.picture.svg import LIGHT

_SCALE = 2  # pixels per unit of the scene
_SHARE = {"start": 0.0, "middle": 0.5, "end": 1.0}


def write_png(scene: Scene) -> bytes:
    """The bytes of a PNG file with a palette of at most 256 colours."""
    palette = {LIGHT["paper"]: 0}
    pixels = np.zeros((round(scene.height * _SCALE), round(scene.width * _SCALE)), np.uint8)

    def index(colour: str) -> int:
        return palette.setdefault(LIGHT.get(colour, colour), len(palette) % 256)

    for shape in scene.shapes:
        for x, y, width, height in shape.boxes:
            left, right = round(x * _SCALE), round((x + width) * _SCALE)
            top, bottom = round(y * _SCALE), round((y + height) * _SCALE)
            # However small, what is there is seen.
            pixels[top : max(bottom, top + 1), left : max(right, left + 1)] = index(shape.colour)
    for label in scene.labels:
        _draw_label(pixels, label, index(label.colour))
    return _encode(pixels, list(palette))


def _draw_label(pixels: NDArray[np.uint8], label: Label, index: int) -> None:
    width = LETTER * len(label.text)
    left = round((label.x - width * _SHARE[label.anchor]) * _SCALE)
    top = round((label.y - CAPITAL) * _SCALE)
    for letter in label.text:
        dots = draw_letter(letter).repeat(_SCALE, axis=0).repeat(_SCALE, axis=1)
        below = pixels[top : top + HEIGHT * _SCALE, left : left + dots.shape[1]]
        below[dots[: below.shape[0], : below.shape[1]]] = index
        left += round(LETTER * _SCALE)


def _encode(pixels: NDArray[np.uint8], palette: list[str]) -> bytes:
    """PNG (ISO/IEC 15948) with one byte per pixel and unfiltered rows."""
    height, width = pixels.shape
    rows = np.pad(pixels, ((0, 0), (1, 0)))  # filter type 0 in front of each
    header = struct.pack(">IIBBBBB", width, height, 8, 3, 0, 0, 0)
    colours = bytes.fromhex("".join(colour.removeprefix("#") for colour in palette))
    return b"\x89PNG\r\n\x1a\n" + b"".join(
        _chunk(kind, data)
        for kind, data in (
            (b"IHDR", header),
            (b"PLTE", colours),
            (b"IDAT", zlib.compress(rows.tobytes(), 9)),
            (b"IEND", b""),
        )
    )


def _chunk(kind: bytes, data: bytes) -> bytes:
    return struct.pack(">I", len(data)) + kind + data + struct.pack(">I", zlib.crc32(kind + data))
