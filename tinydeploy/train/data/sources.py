"""Where pictures come from: class folders, flat folders, CSV tables, .npz arrays.

folder with train/ and valid/    class folders in both; the split is yours
folder of class folders          split 75/25
labels.csv                       file,label per line, files relative to it; a third column
                                 "train" or "valid" is a split, else 75/25
data.npz                         x uint8 [n, H, W] or [n, H, W, C] and y int [n]; x_valid and
                                 y_valid are a split, x_unlabelled pictures without labels

Classes are sorted by name.
"""

from __future__ import annotations

import csv
import zipfile
from collections.abc import Sequence
from pathlib import Path
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from tinydeploy.errors import InputFileError
from tinydeploy.train.data.picture_files import Shape, find_pictures, note_skipped, read_pictures
from tinydeploy.train.data.training_data import Pictures, split_pictures

_ADVICE = (
    "Give a folder with a subfolder of pictures for each class (or train/ and valid/ with such), "
    "a .csv of file,label, a .npz with x and y, or a built-in set: digits, faces."
)


class Split(NamedTuple):
    """What a source holds.

    Args:
        labels: Name of each class.
        train: Labelled pictures to train with.
        valid: Those to validate with.
        unlabelled: uint8 [m, H, W, C].
        notes: Files skipped and the like.
    """

    labels: tuple[str, ...]
    train: Pictures
    valid: Pictures
    unlabelled: NDArray[np.uint8]
    notes: tuple[str, ...]


class _Files(NamedTuple):
    """Files and the names of their classes."""

    files: list[Path]
    names: list[str]


def read_source(path: Path, shape: Shape, seed: int) -> Split:
    """The pictures of a folder, a table or an array file.

    Args:
        path: See the module's text.
        shape: What pictures become.
        seed: Of a split 75/25.

    Raises:
        InputFileError: There is nothing usable.
        TrainingError: It cannot be split.
    """
    if path.is_dir():
        both = [_list_class_folders(path / part) for part in ("train", "valid")]
        if both[0].files and both[1].files:
            return _read_files(both, path, shape, seed)
        return _read_files([_list_class_folders(path)], path, shape, seed)
    if path.suffix.lower() == ".csv" and path.is_file():
        return _read_files(_read_table(path), path.parent, shape, seed)
    if path.suffix.lower() == ".npz" and path.is_file():
        return _read_arrays(path, shape, seed)
    raise InputFileError(f"there is no data in {path}", _ADVICE)


def read_unlabelled(folder: Path, shape: Shape) -> tuple[NDArray[np.uint8], tuple[str, ...]]:
    """The pictures of a flat folder, uint8 [m, H, W, C], and notes.

    Raises:
        InputFileError: There is none.
    """
    files = find_pictures(folder) if folder.is_dir() else []
    skipped: list[Path] = []
    pixels, _ = read_pictures(files, shape, skipped)
    if not len(pixels):
        raise InputFileError(
            f"there is no readable picture in {folder}", "Give a folder of pictures, flat."
        )
    return pixels, note_skipped(skipped, folder)


def _list_class_folders(folder: Path) -> _Files:
    found = _Files([], [])
    if folder.is_dir():
        for child in sorted(folder.iterdir()):
            if child.is_dir() and not child.name.startswith("."):
                files = find_pictures(child)
                found.files.extend(files)
                found.names.extend([child.name] * len(files))
    return found


def _read_table(path: Path) -> list[_Files]:
    """The rows of a CSV: one list, or one to train with and one to validate with."""
    try:
        with path.open(newline="", encoding="utf-8-sig") as file:
            rows = [row for row in csv.reader(file) if row]
    except (OSError, UnicodeDecodeError, csv.Error) as error:
        raise InputFileError(f"{path} is not a readable CSV: {error}", _ADVICE) from error
    if rows and not (path.parent / rows[0][0]).is_file():  # a heading
        rows = rows[1:]
    parts = {"train": _Files([], []), "valid": _Files([], [])}
    split = bool(rows) and len(rows[0]) > 2
    for number, row in enumerate(rows, 1):
        part = row[2].strip() if split and len(row) > 2 else "train"
        if len(row) < 2 or not row[1].strip() or (split and part not in parts):
            raise InputFileError(
                f"{path}, row {number}: {','.join(row)!r} is not file,label or file,label,split",
                'The split is "train" or "valid".',
            )
        parts[part].files.append(path.parent / row[0].strip())
        parts[part].names.append(row[1].strip())
    return list(parts.values()) if parts["valid"].files else [parts["train"]]


def _read_files(parts: Sequence[_Files], folder: Path, shape: Shape, seed: int) -> Split:
    labels = tuple(sorted(set(parts[0].names)))
    if len(labels) < 2:
        raise InputFileError(
            f"{folder} has pictures of {len(labels)} class(es), two at least are needed", _ADVICE
        )
    strange = sorted(set().union(*(part.names for part in parts)) - set(labels))
    if strange:
        raise InputFileError(
            f"{folder}: pictures to validate with of {', '.join(strange[:5])}, none to train with",
            "The classes of both parts must be the same.",
        )
    skipped: list[Path] = []
    read = []
    for part in parts:
        pixels, kept = read_pictures(part.files, shape, skipped)
        indices = [labels.index(part.names[index]) for index in kept]
        read.append(Pictures(pixels, np.array(indices, np.int64)))
    train, valid = read if len(read) == 2 else split_pictures(_need_all(read[0], labels), seed)
    nothing = np.empty((0, *shape.size, shape.channels), np.uint8)
    return Split(labels, train, valid, nothing, note_skipped(skipped, folder))


def _need_all(pictures: Pictures, labels: Sequence[str]) -> Pictures:
    missing = set(range(len(labels))) - set(pictures.classes.tolist())
    if missing:
        raise InputFileError(
            f"no picture of the class {labels[min(missing)]} can be read", "Is the folder damaged?"
        )
    return pictures


def _read_arrays(path: Path, shape: Shape, seed: int) -> Split:
    try:
        # Opened here: numpy leaves a file that is no archive open.
        with path.open("rb") as file, np.load(file, allow_pickle=False) as archive:
            arrays = {name: archive[name] for name in archive.files}
    except (OSError, ValueError, zipfile.BadZipFile, EOFError) as error:
        raise InputFileError(f"{path} is not a readable .npz: {error}", _ADVICE) from error
    classes = arrays.get("y")
    if "x" not in arrays or classes is None or classes.ndim != 1 or classes.dtype.kind not in "iu":
        raise InputFileError(f"{path} has no x with pictures and y with class indices", _ADVICE)
    labels = tuple(str(index) for index in range(int(classes.max(initial=-1)) + 1))
    if len(labels) < 2 or classes.min() < 0:
        raise InputFileError(f"{path}: y must hold class indices from 0, at least two", _ADVICE)
    train = Pictures(_fit_array(arrays["x"], path, shape), classes.astype(np.int64))
    if len(train.pixels) != len(classes):
        raise InputFileError(f"{path}: {len(train.pixels)} pictures, {len(classes)} classes")
    if "x_valid" in arrays and "y_valid" in arrays:
        pixels = _fit_array(arrays["x_valid"], path, shape)
        valid = Pictures(pixels, arrays["y_valid"].astype(np.int64))
        if len(pixels) != len(valid.classes) or valid.classes.max(initial=0) >= len(labels):
            raise InputFileError(f"{path}: x_valid, y_valid and y do not fit each other")
    else:
        train, valid = split_pictures(_need_all(train, labels), seed)
    unlabelled = arrays.get("x_unlabelled", np.empty((0, 1, 1), np.uint8))
    return Split(labels, train, valid, _fit_array(unlabelled, path, shape), ())


def _fit_array(pixels: NDArray[np.generic], path: Path, shape: Shape) -> NDArray[np.uint8]:
    """Pictures of any size and colour as [n, H, W, C] of the shape."""
    if pixels.ndim == 3:
        pixels = pixels[..., None]
    if pixels.dtype != np.uint8 or pixels.ndim != 4 or pixels.shape[-1] not in (1, 3):
        raise InputFileError(
            f"{path}: pictures are {pixels.dtype} {list(pixels.shape)}",
            "They must be uint8 [n, H, W], [n, H, W, 1] or [n, H, W, 3], pixels from 0 to 255.",
        )
    return fit_pixels(pixels.astype(np.uint8), shape)


def fit_pixels(pixels: NDArray[np.uint8], shape: Shape) -> NDArray[np.uint8]:
    """Pictures [n, h, w, 1 or 3] as [n, H, W, C] of the shape."""
    mode = "L" if shape.channels == 1 else "RGB"
    made = np.empty((len(pixels), *shape.size, shape.channels), np.uint8)
    for index, picture in enumerate(pixels):
        image = Image.fromarray(picture[..., 0] if picture.shape[-1] == 1 else picture)
        image = image.convert(mode).resize(shape.size[::-1], Image.Resampling.BILINEAR)
        made[index] = np.asarray(image).reshape(made.shape[1:])
    return made
