"""From a network's definition and labelled data to a trained FloatModel; trained but once."""

from __future__ import annotations

import hashlib
import inspect
import platform
import sys
from collections.abc import Callable
from functools import partial
from typing import TypeVar

import torch
from torch import nn

from tinydeploy.model.export import check_onnx, export_onnx
from tinydeploy.model.float_model import FloatModel
from tinydeploy.paths import cache_folder
from tinydeploy.train import classifier
from tinydeploy.train.cache import load_or_train, make_key
from tinydeploy.train.classifier import Progress, Recipe, train_classifier
from tinydeploy.train.labeled_data import LabeledData
from tinydeploy.zoo import layers

CALIBRATION_INPUTS = 512

NetType = TypeVar("NetType", bound=nn.Module)


def train_model(
    name: str,
    build: partial[NetType],
    data: LabeledData,
    recipe: Recipe,
    progress: Callable[[Progress], None] | None = None,
    cache: bool = True,
) -> FloatModel:
    """A network trained on labelled data.

    Args:
        name: Of the model.
        build: Makes the network: its class with all arguments.
        data: What to train, calibrate and test with.
        recipe: How to train.
        progress: Called behind each epoch of training.
        cache: Keep the weights under `paths.cache_folder()` and use those kept there.

    Returns:
        The model, calibrated on training pictures, with the test pictures.

    Raises:
        TrainingError: Training went wrong.
    """

    def train() -> nn.Module:
        inputs, classes = (torch.from_numpy(array) for array in data.train)
        return train_classifier(build, inputs, classes, recipe, progress)

    notes: tuple[str, ...] = ()
    if cache:
        path = cache_folder() / f"{name}-{make_weights_key(build, data, recipe)}.weights"
        net, notes = load_or_train(path, build, train)
    else:
        net = train()
    onnx = export_onnx(net, data.input_shape)
    return FloatModel(
        name=name,
        onnx=onnx,
        input_shape=data.input_shape,
        preprocessing=data.preprocessing,
        labels=data.labels,
        calibration=data.train.inputs[:CALIBRATION_INPUTS],
        test=data.test,
        export_error=check_onnx(net, onnx, data.test.inputs),
        notes=notes,
    )


def make_weights_key(build: partial[NetType], data: LabeledData, recipe: Recipe) -> str:
    """The key of trained weights: data, recipe, definitions, torch and kind of processor."""
    digests = [hashlib.sha256(array.tobytes()).hexdigest() for array in data.train]
    modules = (classifier, layers, sys.modules[build.func.__module__])
    sources = [inspect.getsource(module) for module in modules]
    arguments = (build.func.__qualname__, build.args, sorted(build.keywords.items()))
    processor = (platform.machine(), torch.backends.cpu.get_cpu_capability())
    return make_key(digests, recipe, arguments, sources, torch.__version__, processor)
