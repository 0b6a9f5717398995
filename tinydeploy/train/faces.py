"""Faces against background: 200 labelled pictures that ship with scikit-image.

They are scikit-image's `lfw_subset`, 25x25 gray pixels: 100 faces of Labeled Faces in the Wild, 100
cuttings of the same photographs without one. Half of them test.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from tinydeploy.errors import MissingDependencyError
from tinydeploy.model.float_model import Preprocessing
from tinydeploy.train.labeled_data import LabeledData, split_pictures

# Mean and standard deviation of the pixels, 96.2 and 69.6, rounded.
PREPROCESSING = Preprocessing(mean=(96.0,), std=(70.0,), color="gray", fit="stretch")
LABELS = ("background", "face")
_FACES = 100


def load_faces_pixels() -> tuple[NDArray[np.uint8], NDArray[np.int64]]:
    """The pictures, uint8 [200, 25, 25, 1], and their classes, int64 [200].

    Raises:
        MissingDependencyError: scikit-image is not installed.
    """
    try:
        from skimage.data import lfw_subset
    except ModuleNotFoundError as error:
        raise MissingDependencyError(
            "the faces ship with scikit-image, which is not installed",
            "Try: pip install scikit-image.",
        ) from error
    unit: NDArray[np.float64] = lfw_subset()  # type: ignore[no-untyped-call]
    pictures = np.rint(unit * 255).astype(np.uint8)[..., None]
    return pictures, (np.arange(len(pictures)) < _FACES).astype(np.int64)


def load_faces_data() -> LabeledData:
    """The faces as inputs, float32 [n, 1, 32, 32]; always the same split.

    Raises:
        MissingDependencyError: scikit-image is not installed.
    """
    pictures, classes = load_faces_pixels()
    return split_pictures(
        "faces",
        pictures[..., 0],
        classes,
        preprocessing=PREPROCESSING,
        labels=LABELS,
        size=(32, 32),
        test_part=0.5,
    )
