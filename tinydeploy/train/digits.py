"""The built-in model: a small EtinyNet trained on scikit-learn's handwritten digits.

The data are 1797 pictures of 8x8 pixels that ship with scikit-learn: nothing is downloaded. The
network is EtinyNet of half width without its last stage, for 32x32 gray pixels, because at that
size the last stage would see a single pixel.
"""

from __future__ import annotations

import hashlib
import inspect
import platform
from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
import torch
from numpy.typing import NDArray
from PIL import Image
from sklearn.datasets import load_digits
from sklearn.model_selection import train_test_split

from tinydeploy.model.export import check_onnx, export_onnx
from tinydeploy.model.float_model import FloatModel, LabeledInputs, Preprocessing
from tinydeploy.model.picture import fit_picture
from tinydeploy.paths import cache_folder
from tinydeploy.train import classifier
from tinydeploy.train.cache import load_or_train, make_key
from tinydeploy.train.classifier import Progress, Recipe, train_classifier
from tinydeploy.zoo import etinynet
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
_CALIBRATION = 512


@dataclass(frozen=True, eq=False)
class DigitsData:
    """The digits, split 75 to 25 with equal parts of each class.

    Args:
        train: 1347 inputs.
        test: 450 inputs.
    """

    train: LabeledInputs
    test: LabeledInputs


def load_digits_data() -> DigitsData:
    """The digits as network inputs, float32 [n, 1, 32, 32]; always the same split."""
    pictures, classes = load_digits(return_X_y=True)
    levels = np.rint(pictures * (255 / 16)).astype(np.uint8).reshape(-1, 8, 8)
    inputs = PREPROCESSING.normalize(np.stack([_enlarge(picture) for picture in levels]))
    parts = train_test_split(
        inputs, classes.astype(np.int64), test_size=0.25, stratify=classes, random_state=0
    )
    return DigitsData(LabeledInputs(parts[0], parts[2]), LabeledInputs(parts[1], parts[3]))


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
    data = load_digits_data()

    def train() -> torch.nn.Module:
        inputs, classes = (torch.from_numpy(array) for array in data.train)
        return train_classifier(build, inputs, classes, RECIPE, progress)

    notes: tuple[str, ...] = ()
    if cache:
        net, notes = load_or_train(
            cache_folder() / f"{NAME}-{_make_key(data.train)}.weights", build, train
        )
    else:
        net = train()
    onnx = export_onnx(net, INPUT_SHAPE)
    return FloatModel(
        name=NAME,
        onnx=onnx,
        input_shape=INPUT_SHAPE,
        preprocessing=PREPROCESSING,
        labels=tuple("0123456789"),
        calibration=data.train.inputs[:_CALIBRATION],
        test=data.test,
        export_error=check_onnx(net, onnx, data.test.inputs),
        notes=notes,
    )


def build() -> EtinyNet:
    """The network, freshly initialized."""
    return EtinyNet(CONFIG)


def _enlarge(picture: NDArray[np.uint8]) -> NDArray[np.uint8]:
    return fit_picture(Image.fromarray(picture), PREPROCESSING, *INPUT_SHAPE[2:])


def _make_key(train: LabeledInputs) -> str:
    """The key of the trained weights: data, recipe, definitions, torch and kind of processor."""
    data = [hashlib.sha256(array.tobytes()).hexdigest() for array in train]
    sources = [inspect.getsource(module) for module in (classifier, etinynet)]
    processor = (platform.machine(), torch.backends.cpu.get_cpu_capability())
    return make_key(data, RECIPE, CONFIG, sources, torch.__version__, processor)
