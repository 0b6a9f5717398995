"""A net of the zoo as an int8 .tflite with random weights: enough to place it and to run it.

BN's statistics are those of random inputs, so that activations keep their size from layer to layer.
The file is kept in the cache as long as what makes it stays as it was.
"""

from __future__ import annotations

import hashlib
import warnings
from functools import cache
from pathlib import Path

import numpy as np
import torch
from torch import nn

import tinydeploy
from tinydeploy.model.export import export_onnx
from tinydeploy.model.float_model import FloatModel
from tinydeploy.paths import FIRMWARE, cache_folder
from tinydeploy.quantize.quantize_model import quantize_model
from tinydeploy.quantize.recipe import Recipe
from tinydeploy.zoo.counts import resize_input
from tinydeploy.zoo.registry import ModelEntry

# Nothing but ranges: weights that mean nothing lose nothing.
_RECIPE = Recipe(
    ranges="min-max",
    equalize=False,
    correct_bias=False,
    fit_weights=False,
    rounding="nearest",
    guard=False,
    samples=2,
)
_INPUTS, _BATCH = 2, 4


def make_random_net(entry: ModelEntry, size: int | None) -> bytes:
    """The .tflite; same net and size, same bytes.

    Args:
        entry: The net.
        size: Height and width of the input; None for the net's own.

    Raises:
        TinydeployError: It cannot be built at that size, or not be quantized.
    """
    shape = resize_input(entry, size)
    path = cache_folder() / "zoo" / f"{entry.name}-{'x'.join(map(str, shape[1:]))}.tflite"
    key = path.with_suffix(".key")
    wanted = hash_sources("zoo", "model", "quantize")
    try:
        if key.read_text(encoding="utf-8") == wanted:
            return path.read_bytes()
    except OSError:
        pass
    content = _make(entry, shape)
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(content)
        key.write_text(wanted, encoding="utf-8")
    except OSError:  # made again next time
        pass
    return content


@cache
def hash_sources(*stages: str, firmware: bool = False) -> str:
    """A hash of the source files of some stages, and of the firmware's."""
    digest = hashlib.sha256()
    root = Path(tinydeploy.__file__).parent
    folders = [root / stage for stage in stages] + [FIRMWARE] * firmware
    for folder in folders:
        for path in sorted(folder.rglob("*")):
            if path.is_file() and path.suffix != ".pyc":
                digest.update(f"{path.relative_to(folder)}".encode() + path.read_bytes())
    return digest.hexdigest()


def _make(entry: ModelEntry, shape: tuple[int, int, int, int]) -> bytes:
    random_state = torch.random.get_rng_state()
    torch.manual_seed(0)
    try:
        net = entry.build()
        _normalize(net, torch.randn((_BATCH, *shape[1:])))
    finally:
        torch.random.set_rng_state(random_state)
    inputs = np.random.default_rng(0).standard_normal((_INPUTS, *shape[1:])).astype(np.float32)
    model = FloatModel(
        name=entry.name,
        onnx=export_onnx(net, shape),
        input_shape=shape,
        preprocessing=None,
        labels=(),
        calibration=inputs,
    )
    return quantize_model(model, _RECIPE).tflite


def _normalize(net: nn.Module, inputs: torch.Tensor) -> None:
    """Gives BN the statistics of these inputs."""
    norms = [layer for layer in net.modules() if isinstance(layer, nn.BatchNorm1d | nn.BatchNorm2d)]
    momenta = [norm.momentum for norm in norms]
    for norm in norms:
        norm.momentum = 1.0
    net.train()
    with torch.no_grad(), warnings.catch_warnings():
        warnings.simplefilter("ignore")
        net(inputs)
    net.eval()
    for norm, momentum in zip(norms, momenta, strict=True):
        norm.momentum = momentum
