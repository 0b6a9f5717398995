"""Pictures whose objects somebody has marked: what folders of all formats are read into."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Final

import numpy as np

from tinydeploy.errors import InputFileError

ADVICE: Final = (
    "Give a folder of the VOC format (Annotations/*.xml and JPEGImages/) or of the COCO format "
    "(annotations/*.json and the pictures that they name)."
)
_NAMED = 5
_TEST_EVERY = 4


@dataclass(frozen=True)
class MarkedObject:
    """One object.

    Args:
        name: Of its class.
        box: (x0, y0, x1, y1) in pixels of its picture, x1 and y1 exclusive.
        ignored: It need not be found: VOC's "difficult", COCO's "iscrowd".
    """

    name: str
    box: tuple[float, float, float, float]
    ignored: bool


@dataclass(frozen=True)
class MarkedPicture:
    """A picture file and all objects in it."""

    path: Path
    objects: tuple[MarkedObject, ...]


@dataclass(frozen=True)
class Annotations:
    """A folder's pictures, those to train with and those to test with.

    Args:
        train: In the order of the folder.
        test: The part that the folder names so, else every fourth picture.
        notes: What was left out.
    """

    train: tuple[MarkedPicture, ...]
    test: tuple[MarkedPicture, ...]
    notes: tuple[str, ...]

    @property
    def names(self) -> tuple[str, ...]:
        """Names of the classes that occur, sorted."""
        return tuple(
            sorted({o.name for picture in (*self.train, *self.test) for o in picture.objects})
        )


@dataclass
class Skipped:
    """Collects what is left out, and why, while a folder is read."""

    reasons: list[str] = field(default_factory=list)

    def add(self, what: str, why: str) -> None:
        """Notes one entry."""
        self.reasons.append(f"{what} ({why})")

    def tell(self, kind: str, total: int, folder: Path) -> tuple[str, ...]:
        """A note that names the first ones.

        Raises:
            InputFileError: More than half of all is left out.
        """
        if not self.reasons:
            return ()
        more = f" and {len(self.reasons) - _NAMED} more" if len(self.reasons) > _NAMED else ""
        named = ", ".join(self.reasons[:_NAMED]) + more
        count = f"{len(self.reasons)} of {total} {kind}"
        if 2 * len(self.reasons) > total:
            raise InputFileError(f"{count} in {folder} cannot be used: {named}", ADVICE)
        return (f"left out {count}: {named}",)


def read_annotations(folder: Path) -> Annotations:
    """Reads a folder of the VOC or the COCO format, whichever it is.

    Raises:
        InputFileError: It is neither, or nothing in it can be used.
    """
    from tinydeploy.train.detection import coco_folder, voc_folder

    if not folder.is_dir():
        raise InputFileError(f"there is no folder {folder}", ADVICE)
    if voc_folder.find_files(folder):
        return voc_folder.read_folder(folder)
    if coco_folder.find_files(folder):
        return coco_folder.read_folder(folder)
    raise InputFileError(f"there are no annotations in {folder}", ADVICE)


def split_pictures(
    pictures: Sequence[MarkedPicture],
) -> tuple[tuple[MarkedPicture, ...], tuple[MarkedPicture, ...]]:
    """Those to train with, and a random quarter to test with, the same each time."""
    order = np.random.default_rng(0).permutation(len(pictures))
    chosen = set(order[: len(pictures) // _TEST_EVERY].tolist())
    train = tuple(p for index, p in enumerate(pictures) if index not in chosen)
    return train, tuple(p for index, p in enumerate(pictures) if index in chosen)


def check_box(box: Sequence[float], width: float, height: float) -> str:
    """Why a box cannot be used in a picture of that size; "" where it can."""
    x0, y0, x1, y1 = box
    if not all(abs(edge) < 1e6 for edge in box):  # not a number must not pass
        return "a box is no numbers"
    if x1 - x0 < 1 or y1 - y0 < 1:
        return "a box is smaller than a pixel"
    if x1 <= 0 or y1 <= 0 or x0 >= width or y0 >= height:
        return "a box is outside of its picture"
    return ""
