"""Pictures for tests of training: bars that a net tells apart within a few steps."""

from __future__ import annotations

from pathlib import Path

import numpy as np
from PIL import Image

LABELS = ("across", "down", "square")


def make_pictures(count: int, seed: int = 0, side: int = 8):
    """uint8 [count, side, side] and classes; the classes take turns."""
    rng = np.random.default_rng(seed)
    pixels = rng.integers(0, 60, (count, side, side)).astype(np.uint8)
    classes = np.arange(count) % len(LABELS)
    for picture, kind in zip(pixels, classes, strict=True):
        at = int(rng.integers(1, side - 3))
        if kind == 0:
            picture[at : at + 2] = 230
        elif kind == 1:
            picture[:, at : at + 2] = 230
        else:
            picture[1:-1, 1:-1] = 230
    return pixels, classes


def write_folder(folder: Path, count: int, seed: int = 0) -> Path:
    """A folder of class folders with PNG files."""
    pixels, classes = make_pictures(count, seed, side=12)
    for index, (picture, kind) in enumerate(zip(pixels, classes, strict=True)):
        place = folder / LABELS[kind]
        place.mkdir(parents=True, exist_ok=True)
        Image.fromarray(picture).save(place / f"{index:03}.png")
    return folder


def write_array(path: Path, count: int = 60, seed: int = 0) -> Path:
    """The pictures as x and y of a .npz file."""
    pixels, classes = make_pictures(count, seed)
    np.savez(path, x=pixels, y=classes)
    return path
