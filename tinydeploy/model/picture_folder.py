"""From a folder of pictures to calibration inputs and, where classes are known, test inputs.

A folder may hold pictures at any depth. It is labelled where its direct subfolders are classes:
all their names are class indices ("285") or known labels, or there are as many of them as the
network has outputs (then they are taken in the order of their names, as training from such folders
does it).
"""

from __future__ import annotations

import os
from collections.abc import Iterator, Sequence
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from tinydeploy.errors import InputFileError
from tinydeploy.model.float_model import InputData, LabeledInputs, Preprocessing
from tinydeploy.model.picture import crop_picture, fit_picture, read_picture

_SUFFIXES = frozenset(
    (".jpg", ".jpeg", ".png", ".bmp", ".gif", ".webp", ".tif", ".tiff", ".ppm", ".pgm")
)
_FEW = 16
_NAMED = 10
ADVICE = (
    "Give a folder of pictures of the kind that the network will see: 16 or more, better 200 "
    "(JPEG, PNG and others, in subfolders too); or a .npy or .npz file of as many inputs."
)


def load_picture_folder(
    folder: Path,
    preprocessing: Preprocessing,
    input_shape: tuple[int, int, int, int],
    classes: int,
    calibration_count: int = 256,
    test_count: int = 400,
    seed: int = 1,
    *,
    labels: Sequence[str] = (),
) -> InputData:
    """Reads calibration pictures and, from a labelled folder, as many test pictures at most.

    A network that crops its pictures is calibrated on `calibration_count` crops: of each picture
    the centre, as the network will see it, and random ones besides, as many as it takes; half of
    the pictures give one random crop instead where there are enough of them. A network that
    stretches its pictures is calibrated on whole ones.

    Args:
        folder: See the module's text.
        preprocessing: The network's.
        input_shape: (1, C, H, W).
        classes: Number of outputs.
        calibration_count: Calibration inputs wanted.
        test_count: Test inputs at most; classes take turns.
        seed: The same folder and seed give the same inputs.
        labels: Names of all classes in the order of the outputs, where they are known.

    Raises:
        InputFileError: The folder does not exist or holds no usable picture.
    """
    files = _find_pictures(folder)
    indices, labels, notes = _find_classes(folder, files, classes, tuple(labels))
    test_files = _choose_tests(files, indices, test_count, seed) if indices else []
    chosen = set(test_files)
    skipped: list[Path] = []
    calibration = _load_calibration(
        [file for file in files if file not in chosen],
        preprocessing,
        input_shape,
        calibration_count,
        np.random.default_rng(seed),
        skipped,
    )
    if not len(calibration):
        raise InputFileError(
            f"no picture in {folder} can be read ({_name_files(folder, skipped)})", ADVICE
        )
    test = _load_tests(test_files, indices, preprocessing, input_shape, skipped)
    if skipped:
        count = f"{len(skipped)} of {len(files)} pictures"
        if 2 * len(skipped) > len(files):
            raise InputFileError(
                f"{count} in {folder} cannot be read: {_name_files(folder, skipped)}",
                "Take out what is damaged or no picture.",
            )
        notes.append(f"skipped {count}, not readable: {_name_files(folder, skipped)}")
    if len(files) - len(chosen) - len(skipped) < _FEW:
        notes.append(f"few calibration pictures in {folder}: int8 accuracy may suffer")
    return InputData(calibration, test, labels, tuple(notes))


def _find_pictures(folder: Path) -> list[Path]:
    """Picture files by suffix, sorted by their path's parts; hidden ones left out."""
    if not folder.is_dir():
        raise InputFileError(f"there is no folder {folder}", ADVICE)
    files = []
    for root, folders, names in os.walk(folder):
        folders[:] = [name for name in folders if not name.startswith(".")]
        files += [
            Path(root, name)
            for name in names
            if not name.startswith(".") and Path(name).suffix.lower() in _SUFFIXES
        ]
    if not files:
        raise InputFileError(f"there are no pictures in {folder}", ADVICE)
    return sorted(files, key=lambda file: file.relative_to(folder).parts)


def _find_classes(
    folder: Path, files: list[Path], classes: int, known: tuple[str, ...]
) -> tuple[dict[Path, int], tuple[str, ...], list[str]]:
    """Class index of each file, names of all classes, and notes."""
    relative = {file: file.relative_to(folder).parts for file in files}
    names = sorted({parts[0] for parts in relative.values() if len(parts) > 1})
    if not names:
        return {}, (), []
    if all(name.isascii() and name.isdigit() and int(name) < classes for name in names):
        index = {name: int(name) for name in names}
        labels = known
    elif known and set(names) <= set(known):
        index = {name: known.index(name) for name in names}
        labels = known
    elif known:
        strange = ", ".join(sorted(set(names) - set(known))[:_NAMED])
        note = f"{folder} has subfolders that --labels does not name ({strange})"
        return {}, known, [f"{note}: taken as calibration pictures only, no accuracy is computed"]
    elif len(names) == classes:
        index = {name: i for i, name in enumerate(names)}
        labels = tuple(names)
    else:
        return (
            {},
            (),
            [
                f"{folder} has {len(names)} subfolders, the network {classes} classes: "
                "taken as calibration pictures only, no accuracy is computed"
            ],
        )
    return {f: index[parts[0]] for f, parts in relative.items() if len(parts) > 1}, labels, []


def _choose_tests(files: list[Path], indices: dict[Path, int], count: int, seed: int) -> list[Path]:
    """At most half of the pictures; the classes take turns, within a class chance decides."""
    rng = np.random.default_rng([seed, 1])
    by_class: dict[int, list[Path]] = {}
    for file in files:
        if file in indices:
            by_class.setdefault(indices[file], []).append(file)
    turns = [
        (turn, index, members[int(member)])
        for index, members in sorted(by_class.items())
        for turn, member in enumerate(rng.permutation(len(members)))
    ]
    return [file for _, _, file in sorted(turns)[: min(count, len(files) // 2)]]


def _load_calibration(
    files: list[Path],
    preprocessing: Preprocessing,
    input_shape: tuple[int, int, int, int],
    count: int,
    rng: np.random.Generator,
    skipped: list[Path],
) -> NDArray[np.float32]:
    if len(files) > count:
        files = [files[int(index)] for index in rng.permutation(len(files))]
    if not files:
        return np.empty((0, *input_shape[1:]), np.float32)
    _, _, height, width = input_shape
    inputs: list[NDArray[np.float32]] = []
    if preprocessing.fit == "stretch":
        for _, pixels in _fit_files(files, preprocessing, input_shape, skipped):
            inputs.append(preprocessing.normalize(pixels))
            if len(inputs) == count:
                break
        return _stack(inputs, input_shape)
    # Unreadable files leave a gap in the first round, which further rounds fill.
    while files and len(inputs) < count:
        share = -(-(count - len(inputs)) // len(files))
        readable = []
        for file in files:
            try:
                image = read_picture(file, preprocessing)
            except InputFileError:
                skipped.append(file)
                continue
            readable.append(file)
            for turn in range(min(share, count - len(inputs))):
                # What the network will be shown, and variations of it.
                centered = turn == 0 and (share > 1 or len(inputs) % 2 == 0)
                if centered:
                    pixels = fit_picture(image, preprocessing, height, width)
                else:
                    pixels = crop_picture(image, preprocessing, height, width, rng)
                inputs.append(preprocessing.normalize(pixels))
            if len(inputs) == count:
                break
        files = readable
    return _stack(inputs, input_shape)


def _load_tests(
    files: list[Path],
    indices: dict[Path, int],
    preprocessing: Preprocessing,
    input_shape: tuple[int, int, int, int],
    skipped: list[Path],
) -> LabeledInputs | None:
    inputs, classes = [], []
    for file, pixels in _fit_files(files, preprocessing, input_shape, skipped):
        inputs.append(preprocessing.normalize(pixels))
        classes.append(indices[file])
    if not inputs:
        return None
    return LabeledInputs(_stack(inputs, input_shape), np.array(classes, np.int64))


def _fit_files(
    files: list[Path],
    preprocessing: Preprocessing,
    input_shape: tuple[int, int, int, int],
    skipped: list[Path],
) -> Iterator[tuple[Path, NDArray[np.uint8]]]:
    """Each readable file with its fitted pixels; the others are added to `skipped`."""
    for file in files:
        try:
            image = read_picture(file, preprocessing)
        except InputFileError:
            skipped.append(file)
            continue
        yield file, fit_picture(image, preprocessing, input_shape[2], input_shape[3])


def _stack(
    inputs: list[NDArray[np.float32]], input_shape: tuple[int, int, int, int]
) -> NDArray[np.float32]:
    return np.stack(inputs) if inputs else np.empty((0, *input_shape[1:]), np.float32)


def _name_files(folder: Path, files: list[Path]) -> str:
    names = [str(file.relative_to(folder)) for file in files]
    more = f" and {len(names) - _NAMED} more" if len(names) > _NAMED else ""
    return ", ".join(names[:_NAMED]) + more
