"""Parts of the real pictures that ship with scikit-image and scikit-learn."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from tinydeploy.model.float_model import Preprocessing
from tinydeploy.model.picture import crop_picture

CALIBRATION = ("astronaut", "cat", "coins", "rocket", "china", "grass")
TEST = ("camera", "coffee", "motorcycle", "flower", "brick", "retina")

Pictures = NDArray[np.uint8]

_ANY = Preprocessing(mean=(0.0,) * 3, std=(255.0,) * 3)


def cut_pictures(size: int, calibration: int, test: int) -> tuple[Pictures, Pictures]:
    """Random parts, mirrored half of the time; the same ones each time.

    Args:
        size: Their side, pixels.
        calibration: How many of the first half of the pictures.
        test: How many of the other half.

    Returns:
        uint8 [n, size, size, 3], twice.
    """
    return _cut(CALIBRATION, size, calibration), _cut(TEST, size, test)


def _cut(names: tuple[str, ...], size: int, count: int) -> Pictures:
    rng = np.random.default_rng(0)
    images = [Image.fromarray(_load(name)).convert("RGB") for name in names]
    parts = [crop_picture(images[k % len(images)], _ANY, size, size, rng) for k in range(count)]
    return np.stack(parts)


def _load(name: str) -> NDArray[np.uint8]:
    import skimage.data
    from sklearn.datasets import load_sample_image

    if name in ("china", "flower"):
        return np.asarray(load_sample_image(f"{name}.jpg"), np.uint8)
    if name == "motorcycle":  # one of a pair of views
        return np.asarray(skimage.data.stereo_motorcycle()[0], np.uint8)  # type: ignore[no-untyped-call]
    return np.asarray(getattr(skimage.data, name)(), np.uint8)
