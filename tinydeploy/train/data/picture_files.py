"""Picture files read into one array; the damaged ones are named and left out."""

from __future__ import annotations

import tempfile
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from tinydeploy.errors import InputFileError
from tinydeploy.model.float_model import Color, Preprocessing
from tinydeploy.model.picture import fit_picture, read_picture

SUFFIXES = frozenset(
    (".jpg", ".jpeg", ".png", ".bmp", ".gif", ".webp", ".tif", ".tiff", ".ppm", ".pgm")
)
# More than so many bytes of pixels are kept in a file without a name, which the system maps.
_IN_MEMORY = 1 << 30
_NAMED = 10


@dataclass(frozen=True)
class Shape:
    """What pictures are brought to.

    Args:
        size: (H, W).
        color: "gray" gives one channel, the others three.
    """

    size: tuple[int, int]
    color: Color

    @property
    def channels(self) -> int:
        """1 or 3."""
        return 1 if self.color == "gray" else 3


def find_pictures(folder: Path) -> list[Path]:
    """The picture files right in a folder, sorted, by suffix; hidden ones left out."""
    return sorted(
        file
        for file in folder.iterdir()
        if file.suffix.lower() in SUFFIXES and not file.name.startswith(".") and file.is_file()
    )


def read_pictures(
    files: Sequence[Path], shape: Shape, skipped: list[Path]
) -> tuple[NDArray[np.uint8], NDArray[np.int64]]:
    """The pixels of those files that can be read, and which they are.

    Args:
        files: Pictures of any size; both sides are scaled.
        shape: What they become.
        skipped: Files that cannot be read are added to it.

    Returns:
        uint8 [n, H, W, C] and int64 [n], indices into `files`.
    """
    channels = shape.channels
    rule = Preprocessing((0.0,) * channels, (1.0,) * channels, shape.color, "stretch")
    pixels = _allocate((len(files), *shape.size, channels))
    kept: list[int] = []
    for index, file in enumerate(files):
        try:
            picture = read_picture(file, rule)
        except InputFileError:
            skipped.append(file)
            continue
        pixels[len(kept)] = fit_picture(picture, rule, *shape.size)
        kept.append(index)
    return pixels[: len(kept)], np.array(kept, np.int64)


def note_skipped(skipped: Sequence[Path], folder: Path) -> tuple[str, ...]:
    """What was skipped, as a note."""
    if not skipped:
        return ()
    names = [str(file.relative_to(folder)) for file in skipped[:_NAMED]]
    more = f" and {len(skipped) - _NAMED} more" if len(skipped) > _NAMED else ""
    return (f"skipped {len(skipped)} pictures that cannot be read: {', '.join(names)}{more}",)


def _allocate(shape: tuple[int, int, int, int]) -> NDArray[np.uint8]:
    if np.prod(shape, dtype=np.int64) <= _IN_MEMORY:
        return np.empty(shape, np.uint8)
    with tempfile.TemporaryFile() as file:  # the mapping outlives it
        return np.memmap(file, np.uint8, "w+", shape=shape)
