"""`package.module:factory`: calls a function of the user's, which returns a torch network."""

from __future__ import annotations

import difflib
import importlib
import re
import sys
import traceback
from collections.abc import Iterator
from contextlib import contextmanager, redirect_stdout
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
from torch import Tensor, nn

from tinydeploy.errors import (
    InputFileError,
    MissingDependencyError,
    TinydeployError,
    UnsupportedModelError,
    UsageError,
)
from tinydeploy.model.check_finite import check_finite
from tinydeploy.model.export import check_onnx, export_onnx, run_torch
from tinydeploy.model.float_model import FloatModel
from tinydeploy.model.import_onnx import OnnxNet
from tinydeploy.model.weights import load_weights, read_weights
from tinydeploy.source.options import SourceOptions
from tinydeploy.source.prepare import prepare_model

_CHECKED_INPUTS = 8


def load_factory(spec: str, options: SourceOptions) -> FloatModel:
    """The network that a factory returns, with weights, exported to ONNX and checked.

    Args:
        spec: "package.module:factory". The module is looked for in the current folder too.
        options: Tell the input's shape and the data, perhaps weights.

    Raises:
        UsageError: There is no such factory, or its input's shape is not told.
        InputFileError: The factory's code fails, or weights or data cannot be used.
        UnsupportedModelError: The network cannot be run, exported, or quantized.
        MissingDependencyError: The factory's code needs a package that is not installed.
    """
    if options.input_shape is None:
        raise UsageError(
            f"{spec} does not tell the shape of its input",
            "Give it, channels first: --input-shape 3,96,96 (or features alone, 640).",
        )
    net = make_net(spec)
    if options.weights is not None:
        load_weights(net, read_weights(options.weights), str(options.weights))
    check_finite({name: value.numpy() for name, value in net.state_dict().items()}, spec)
    channels_last = options.layout == "nhwc" and len(options.input_shape) > 1
    if channels_last:
        net = _ChannelsFirst(net)
    shape = (1, *options.input_shape)
    with _user_code(f"{spec} cannot be run on an input {list(shape)}", UnsupportedModelError):
        run_torch(net, np.zeros(shape, np.float32))
    with _user_code(f"torch cannot export {spec} to ONNX", UnsupportedModelError):
        onnx = export_onnx(net, shape)
    name = spec.rpartition(":")[2]
    model = prepare_model(OnnxNet(name, onnx, shape, channels_last), spec, options)
    return replace(model, export_error=check_onnx(net, onnx, model.calibration[:_CHECKED_INPUTS]))


def make_net(spec: str) -> nn.Module:
    """Imports the module and calls the factory.

    Raises:
        UsageError: There is no such factory.
        InputFileError: The user's code raises, or returns no network.
        MissingDependencyError: It needs a package that is not installed.
    """
    module_name, _, path = spec.partition(":")
    found: Any = _import_module(module_name)
    for part in path.split("."):
        if not hasattr(found, part):
            near = difflib.get_close_matches(part, dir(found), n=1, cutoff=0.6)
            guess = f" Did you mean {near[0]}?" if near else ""
            raise UsageError(
                f"{module_name} has no '{path}'",
                f"Name a function that returns a torch.nn.Module.{guess}",
            )
        found = getattr(found, part)
    if not isinstance(found, nn.Module):
        if not callable(found):
            raise UsageError(
                f"{spec} is no function, it is of the type {type(found).__name__}",
                "Name a function, or a class, that makes a torch.nn.Module without arguments.",
            )
        with _user_code(f"{spec}() fails", InputFileError):
            found = found()
    if not isinstance(found, nn.Module):
        raise InputFileError(
            f"{spec}() returns an object of the type {type(found).__name__}, no torch.nn.Module",
            "Return the network itself: `return net`.",
        )
    return found.cpu()


class _ChannelsFirst(nn.Module):
    """A network that takes its channels last, as one that takes them first."""

    def __init__(self, net: nn.Module) -> None:
        super().__init__()
        self.net = net

    def forward(self, x: Tensor) -> Any:
        return self.net(x.movedim(1, -1))


def _import_module(name: str) -> Any:
    if not re.fullmatch(r"\w+(\.\w+)*", name):
        raise UsageError(f"'{name}' is no module's name", "Write package.module:factory.")
    here = str(Path.cwd())
    sys.path.insert(0, here)
    try:
        importlib.invalidate_caches()
        with _user_code(f"importing {name} fails", InputFileError, module=name):
            return importlib.import_module(name)
    finally:
        sys.path.remove(here)


@contextmanager
def _user_code(
    what: str, kind: type[TinydeployError], *, module: str | None = None
) -> Iterator[None]:
    """Runs code of the user's; whatever it raises becomes an error of ours that says where.

    What it prints goes to stderr: stdout is for results.
    """
    try:
        with redirect_stdout(sys.stderr):
            yield
    except TinydeployError:
        raise
    except ModuleNotFoundError as error:
        missing = error.name or "?"
        if module is not None and (module == missing or module.startswith(f"{missing}.")):
            name = module.removesuffix(".py")
            raise UsageError(
                f"there is no module {module}",
                f"Leave out .py: {name}:factory"
                if name != module
                else f"It is looked for in {Path.cwd()} and among the installed packages.",
            ) from error
        raise MissingDependencyError(
            f"{what}: the package {missing} is not installed", f"Try: pip install {missing}"
        ) from error
    except (Exception, SystemExit) as error:
        reason = (str(error).strip() or "no message").splitlines()[0]
        frames = [f for f in traceback.extract_tb(error.__traceback__) if "torch" not in f.filename]
        place = f" ({Path(frames[-1].filename).name}, line {frames[-1].lineno})" if frames else ""
        raise kind(
            f"{what}: {type(error).__name__}: {reason}{place}",
            "Does it work in Python alone? --debug shows where it was raised.",
        ) from error
