"""Pictures with and without labels, at the network's size, as all methods take them."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray
from sklearn.model_selection import train_test_split

from tinydeploy.errors import TrainingError
from tinydeploy.model.float_model import Preprocessing

TEST_PART = 0.25
_IMBALANCED = 5.0


class Pictures(NamedTuple):
    """Labelled pictures.

    Args:
        pixels: uint8 [n, H, W, C].
        classes: int64 [n].
    """

    pixels: NDArray[np.uint8]
    classes: NDArray[np.int64]

    def pick(self, indices: NDArray[np.int64]) -> Pictures:
        """Those of the indices, in that order."""
        return Pictures(self.pixels[indices], self.classes[indices])


@dataclass(frozen=True, eq=False)
class TrainingData:
    """A data set, split.

    Args:
        name: What it is called.
        labels: Name of each class.
        preprocessing: How pictures become inputs.
        labelled: To train with.
        unlabelled: uint8 [m, H, W, C], to train with; m may be 0.
        valid: Neither trained with nor, unless early stopping is asked for, looked at.
        weak: Name of the weak augmentation that suits the pictures, see `augment.WEAK`.
        strong: Name of the strong one, see `augment.STRONG`.
        views: Test-time views under which a class stays what it is, see `views.VIEWS`.
        notes: What the user should know: files skipped, classes out of balance.
        hidden: int64 [m], the classes that were taken away from the unlabelled pictures, -1 where
            there was none: reports count with them what was labelled right, no method looks.
    """

    name: str
    labels: tuple[str, ...]
    preprocessing: Preprocessing
    labelled: Pictures
    unlabelled: NDArray[np.uint8]
    valid: Pictures
    weak: str = "flip-shift"
    strong: str = "randaugment"
    views: tuple[str, ...] = ("h_flip", "blur", "gamma", "gaussian_blur", "equalize")
    notes: tuple[str, ...] = ()
    hidden: NDArray[np.int64] | None = None

    @property
    def input_shape(self) -> tuple[int, int, int, int]:
        """(1, C, H, W)."""
        _, height, width, channels = self.valid.pixels.shape
        return 1, channels, height, width


def split_pictures(pictures: Pictures, seed: int) -> tuple[Pictures, Pictures]:
    """75 % to train with, 25 % to validate with; each class in equal parts.

    Raises:
        TrainingError: A class has fewer than two pictures.
    """
    counts = np.bincount(pictures.classes)
    if counts.min() < 2:
        raise TrainingError(
            f"a class has {counts.min()} picture(s), which cannot be split",
            "Give at least two of each class, or folders train/ and valid/.",
        )
    # Each part needs room for one picture of every class.
    test = max(len(counts), round(TEST_PART * len(pictures.classes)))
    first, second = train_test_split(
        np.arange(len(pictures.classes)),
        test_size=test,
        stratify=pictures.classes,
        random_state=seed,
    )
    return pictures.pick(first), pictures.pick(second)


def keep_labels(data: TrainingData, per_class: int, seed: int) -> TrainingData:
    """The protocol of few labels: `per_class` of each class keep theirs, the rest loses them.

    Chance decides, by the seed. With 75 it is the protocol of the semi-supervised benchmark of
    compact networks by Inés, Domínguez, Heras, Mata and Pascual.

    Raises:
        TrainingError: There is not one label per class to keep.
    """
    if per_class < 1:
        raise TrainingError(f"{per_class} labels per class are too few", "Keep at least 1.")
    rng = np.random.RandomState(seed)
    classes = data.labelled.classes
    by_class = [np.flatnonzero(classes == index) for index in range(len(data.labels))]
    kept = np.concatenate([rng.permutation(members)[:per_class] for members in by_class])
    others = np.setdiff1d(np.arange(len(classes)), kept)
    unlabelled, hidden = data.labelled.pixels[others], classes[others]
    if len(data.unlabelled):
        unlabelled = np.concatenate([unlabelled, data.unlabelled])
        hidden = np.concatenate([hidden, np.full(len(data.unlabelled), -1)])
    short = [
        f"{label} ({len(members)})"
        for label, members in zip(data.labels, by_class, strict=True)
        if len(members) < per_class
    ]
    notes = data.notes
    if short:
        notes += (f"fewer than {per_class} labelled pictures of: {', '.join(short)}",)
    return replace(
        data,
        labelled=data.labelled.pick(kept),
        unlabelled=unlabelled,
        hidden=hidden,
        notes=notes,
    )


def describe_balance(labels: Sequence[str], classes: NDArray[np.int64]) -> tuple[str, ...]:
    """A note where the largest class is five times the smallest or more.

    Raises:
        TrainingError: A class has no picture.
    """
    counts = np.bincount(classes, minlength=len(labels))
    least, most = int(counts.argmin()), int(counts.argmax())
    if counts[least] == 0:
        raise TrainingError(
            f"there is no labelled picture of the class {labels[least]}",
            "Give some of every class, or take the class out.",
        )
    if counts[most] < _IMBALANCED * counts[least]:
        return ()
    return (
        f"classes are out of balance: {counts[most]} pictures of {labels[most]}, "
        f"{counts[least]} of {labels[least]}; macro F1 tells more than accuracy",
    )


def measure_preprocessing(pixels: NDArray[np.uint8]) -> Preprocessing:
    """Mean and standard deviation of pictures [n, H, W, C], the same for all channels, rounded.

    With a whole mean and one deviation the int8 input of the quantized net is exactly the pixel
    minus 128: the device need not compute it.
    """
    sample = pixels[:: max(1, len(pixels) // 2000)].astype(np.float64)
    mean, std = round(float(sample.mean())), max(1, round(float(sample.std())))
    channels = pixels.shape[-1]
    return Preprocessing(
        mean=(float(mean),) * channels,
        std=(float(std),) * channels,
        color="gray" if channels == 1 else "rgb",
        fit="stretch",
    )
