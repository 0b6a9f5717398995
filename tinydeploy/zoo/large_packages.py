"""Nets by torchvision, timm and pytorchcv, which are imported only for that.

The wheels of torchvision on PyPI are linked against CUDA: beside a torch without it their operators
do not load, and torchvision cannot be imported unless two of them are declared before. No
classifier runs them.
"""

from __future__ import annotations

import importlib
import sys
import warnings
from functools import cache
from typing import Any, Literal

import torch
from torch import nn

from tinydeploy.errors import MissingDependencyError

Package = Literal["torchvision", "timm", "pytorchcv"]

_MODULES: dict[Package, str] = {
    "torchvision": "torchvision.models",
    "timm": "timm",
    "pytorchcv": "pytorchcv.model_provider",
}

_ARGUMENTS = "(Tensor dets, Tensor scores, float iou_threshold) -> Tensor"
# Heads that only training uses; initialization by scipy.
_WITHOUT: dict[str, dict[str, bool]] = {
    "googlenet": {"aux_logits": False, "init_weights": False},
    "inception_v3": {"aux_logits": False, "init_weights": False},
}


def build_large(package: Package, model: str) -> nn.Module:
    """A net of a package, freshly initialized.

    Args:
        package: Which one.
        model: Its name there.

    Raises:
        MissingDependencyError: The package is not installed.
    """
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        try:
            _import_torchvision()  # which the others import, too
            module = importlib.import_module(_MODULES[package])
        except ModuleNotFoundError as error:
            raise MissingDependencyError(
                f"{model} is defined by {package}; the package {error.name} is not installed",
                "Install the extra: pip install 'tinydeploy[zoo-large]'. Its figures are known "
                "without: `tinydeploy zoo`.",
            ) from error
        if package == "timm":
            net: nn.Module = module.create_model(model)
        elif package == "pytorchcv":
            net = module.get_model(model)
        else:
            net = module.get_model(model, weights=None, **_WITHOUT.get(model, {}))
    return net


@cache
def _import_torchvision() -> Any:
    """The package, with its operators or without."""
    try:
        return importlib.import_module("torchvision"), None
    except RuntimeError as error:
        if "torchvision::nms" not in str(error):
            raise
    for name in [name for name in sys.modules if name.partition(".")[0] == "torchvision"]:
        del sys.modules[name]
    make_library: Any = torch.library.Library
    library = make_library("torchvision", "DEF")  # is undone when nobody holds it
    for operator in ("nms", "qnms"):
        library.define(f"{operator}{_ARGUMENTS}")
    return importlib.import_module("torchvision"), library
