"""The built-in model: a small EtinyNet trained on scikit-learn's handwritten digits.

The data are 1797 pictures of 8x8 pixels that ship with scikit-learn: nothing is downloaded. The
network is EtinyNet of half width without its last stage, for 32x32 gray pixels, because at that
size the last stage would see a single pixel.
"""

from __future__ import annotations

from collections.abc import Callable
from functools import partial

import numpy as np
from sklearn.datasets import load_digits

from tinydeploy.model.float_model import FloatModel, Preprocessing
from tinydeploy.train.classifier import Progress, Recipe
from tinydeploy.train.labeled_data import LabeledData, split_pictures
from tinydeploy.train.train_model import train_model
from tinydeploy.zoo.etinynet import EtinyNet, EtinyNetConfig, scale_width

NAME = "etinynet-digits"
INPUT_SHAPE = (1, 1, 32, 32)
CONFIG = EtinyNetConfig(channels=scale_width(0.5), depths=(2, 2, 2, 0), in_channels=1, classes=10)
# Mean and standard deviation of the 8x8 pixels, 77.8 and 95.9, rounded: then the int8 input is
# exactly the pixel minus 128.
PREPROCESSING = Preprocessing(mean=(78.0,), std=(96.0,), color="gray", fit="stretch")
RECIPE = Recipe(
    epochs=25,
    batch_size=32,
    learning_rate=3e-3,
    weight_decay=1e-2,
    warmup_epochs=2,
    max_shift=1 / 8,
    max_rotation=10.0,
    max_log_scale=0.1,
    background=PREPROCESSING.value_range[0],
    seed=0,
)


def load_digits_data() -> LabeledData:
    """The digits as network inputs, float32 [n, 1, 32, 32], 1347 and 450; always the same split."""
    pictures, classes = load_digits(return_X_y=True)
    return split_pictures(
        "digits",
        np.rint(pictures * (255 / 16)).astype(np.uint8).reshape(-1, 8, 8),
        classes.astype(np.int64),
        preprocessing=PREPROCESSING,
        labels=tuple("0123456789"),
        size=INPUT_SHAPE[2:],
        test_part=0.25,
    )


def load_digits_model(
    progress: Callable[[Progress], None] | None = None, cache: bool = True
) -> FloatModel:
    """The trained digits network; training takes a quarter of a minute, once.

    Args:
        progress: Called behind each epoch of training.
        cache: Keep the weights under `paths.cache_folder()` and use those kept there.

    Returns:
        The model, calibrated on training pictures, with the test pictures.
    """
    net = partial(EtinyNet, CONFIG)
    return train_model(NAME, net, load_digits_data(), RECIPE, progress, cache)
