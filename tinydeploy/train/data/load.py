"""From what the user names as data to TrainingData: a built-in set, or files."""

from __future__ import annotations

from pathlib import Path

import numpy as np
from sklearn.datasets import load_digits

from tinydeploy.errors import UsageError
from tinydeploy.model.float_model import Preprocessing
from tinydeploy.train import faces
from tinydeploy.train.data.picture_files import Shape
from tinydeploy.train.data.sources import fit_pixels, read_source, read_unlabelled
from tinydeploy.train.data.training_data import (
    Pictures,
    TrainingData,
    describe_balance,
    keep_labels,
    measure_preprocessing,
    split_pictures,
)

BUILT_IN = ("digits", "faces")
_SIZES = {"digits": 8, "faces": 25}
_DEFAULT_SIZE = 96
_SIDES = (4, 1024)


def load_training_data(
    data: str,
    *,
    unlabelled: Path | None = None,
    size: int | None = None,
    gray: bool = False,
    labels_per_class: int | None = None,
    split_seed: int = 0,
    label_seed: int = 0,
    preprocessing: Preprocessing | None = None,
) -> TrainingData:
    """Labelled, unlabelled and validation pictures.

    Args:
        data: "digits" (scikit-learn's, 8x8), "faces" (scikit-image's lfw_subset, 25x25), or a path,
            see `sources`.
        unlabelled: A flat folder of pictures without labels.
        size: Side of the inputs; None for the built-in set's own, else 96.
        gray: Make pictures gray; the built-in ones are.
        labels_per_class: So many keep their labels, see `keep_labels`; None: all.
        split_seed: Of the split 75/25.
        label_seed: Of the choice of those that keep their labels.
        preprocessing: What the net's weights were trained with; None to measure it, as it is too
            where pictures are gray and that is for colours.

    Raises:
        UsageError: The size is out of range.
        InputFileError: There is nothing usable.
        TrainingError: A class has no pictures.
        MissingDependencyError: scikit-image is not installed.
    """
    side = size or _SIZES.get(data, _DEFAULT_SIZE)
    if not _SIDES[0] <= side <= _SIDES[1]:
        raise UsageError(
            f"pictures of {side}x{side} pixels are not possible",
            f"Choose a --size from {_SIDES[0]} to {_SIDES[1]}.",
        )
    shape = Shape((side, side), "gray" if gray or data in BUILT_IN else "rgb")
    if data in BUILT_IN:
        found = _load_built_in(data, shape, split_seed)
    else:
        split = read_source(Path(data), shape, split_seed)
        found = TrainingData(
            name=Path(data).resolve().stem,
            labels=split.labels,
            preprocessing=measure_preprocessing(split.train.pixels),
            labelled=split.train,
            unlabelled=split.unlabelled,
            valid=split.valid,
            notes=split.notes,
        )
    pixels, notes = found.unlabelled, found.notes
    if unlabelled is not None:
        more, skipped = read_unlabelled(unlabelled, shape)
        pixels = np.concatenate([pixels, more]) if len(pixels) else more
        notes += skipped
    notes += describe_balance(found.labels, found.labelled.classes)
    if preprocessing is None or preprocessing.channels != shape.channels:
        preprocessing = found.preprocessing
    made = TrainingData(
        name=found.name,
        labels=found.labels,
        preprocessing=preprocessing,
        labelled=found.labelled,
        unlabelled=pixels,
        valid=found.valid,
        weak=found.weak,
        strong=found.strong,
        views=found.views,
        notes=notes,
    )
    return made if labels_per_class is None else keep_labels(made, labels_per_class, label_seed)


def _load_built_in(name: str, shape: Shape, seed: int) -> TrainingData:
    if name == "digits":
        values, classes = load_digits(return_X_y=True)
        pixels = np.rint(values * (255 / 16)).astype(np.uint8).reshape(-1, 8, 8, 1)
        labels = tuple("0123456789")
        # A mirrored digit is another sign, and a blurred one of 8x8 pixels none.
        weak, strong, views = "shift", "affine", ("gamma", "equalize", "sharpen")
    else:
        pixels, classes = faces.load_faces_pixels()
        labels = faces.LABELS
        weak, strong, views = "flip-shift", "randaugment", ("h_flip", "gamma", "equalize")
    pictures = Pictures(fit_pixels(pixels, shape), classes.astype(np.int64))
    train, valid = split_pictures(pictures, seed)
    return TrainingData(
        name=name,
        labels=labels,
        preprocessing=measure_preprocessing(train.pixels),
        labelled=train,
        unlabelled=np.empty((0, *train.pixels.shape[1:]), np.uint8),
        valid=valid,
        weak=weak,
        strong=strong,
        views=views,
    )
