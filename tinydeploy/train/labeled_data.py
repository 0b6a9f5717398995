"""A labelled set of pictures, split into a part for training and one for testing."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from PIL import Image
from sklearn.model_selection import train_test_split

from tinydeploy.model.float_model import LabeledInputs, Preprocessing
from tinydeploy.model.picture import fit_picture


@dataclass(frozen=True, eq=False)
class LabeledData:
    """Inputs for training and testing a classifier.

    Args:
        name: What the set is called.
        input_shape: (1, C, H, W).
        preprocessing: How its pictures become inputs.
        labels: Name of each class.
        train: Inputs to train with, and to calibrate with.
        test: Inputs that neither ever sees.
    """

    name: str
    input_shape: tuple[int, int, int, int]
    preprocessing: Preprocessing
    labels: tuple[str, ...]
    train: LabeledInputs
    test: LabeledInputs


def split_pictures(
    name: str,
    pictures: NDArray[np.uint8],
    classes: NDArray[np.int64],
    *,
    preprocessing: Preprocessing,
    labels: tuple[str, ...],
    size: tuple[int, int],
    test_part: float,
) -> LabeledData:
    """Brings gray pictures to size and splits them; each class in equal parts, always the same.

    Args:
        name: What the set is called.
        pictures: uint8 [n, h, w].
        classes: int64 [n].
        preprocessing: Of gray pictures.
        labels: Name of each class.
        size: (h, w) of the inputs.
        test_part: Part of the pictures to test with, 0 to 1.
    """
    fitted = [fit_picture(Image.fromarray(picture), preprocessing, *size) for picture in pictures]
    inputs = preprocessing.normalize(np.stack(fitted))
    train, test, train_classes, test_classes = train_test_split(
        inputs, classes, test_size=test_part, stratify=classes, random_state=0
    )
    return LabeledData(
        name=name,
        input_shape=(1, 1, *size),
        preprocessing=preprocessing,
        labels=labels,
        train=LabeledInputs(train, train_classes),
        test=LabeledInputs(test, test_classes),
    )
