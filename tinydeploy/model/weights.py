"""Weights files, of MXNet, torch or safetensors, and putting them into a network."""

from __future__ import annotations

import pickle
import re
import warnings
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch import nn

from tinydeploy.errors import InputFileError, MissingDependencyError
from tinydeploy.model.check_finite import check_finite
from tinydeploy.model.mxnet_params import LIST_MAGIC, read_params

_MXNET = LIST_MAGIC.to_bytes(8, "little")
_TORCH = (b"PK\x03\x04", b"\x80")  # a zip archive since torch 1.6, a bare pickle before
_SHOWN = 5


def read_weights(path: Path) -> dict[str, NDArray[np.generic]]:
    """The arrays of a weights file by torch's names; the first bytes tell the format.

    Raises:
        InputFileError: The file is missing, damaged, or of neither format.
    """
    if not path.is_file():
        raise InputFileError(
            f"there is no weights file {path}",
            "Give the path of a .params, .pt or .safetensors file.",
        )
    try:
        with path.open("rb") as file:
            start = file.read(9)
    except OSError as error:
        raise InputFileError(f"cannot read {path}: {error.strerror or error}") from error
    if start[:8] == _MXNET:
        return {_rename_gluon(name): array for name, array in read_params(path).items()}
    if start.startswith(_TORCH):
        return _read_torch(path)
    if start[8:] == b"{":  # safetensors: the length of a JSON object, and that
        return _read_safetensors(path)
    raise InputFileError(
        f"{path} is neither an MXNet .params file, nor a torch state dict, nor safetensors",
        "Give the file that Gluon's save_parameters, torch.save(net.state_dict()) or "
        "safetensors.torch.save_file wrote.",
    )


def load_weights(
    net: nn.Module,
    weights: Mapping[str, NDArray[np.generic]],
    source: str,
    describe_foreign: Callable[[frozenset[str]], str] = lambda names: "",
) -> None:
    """Puts weights into a network; every one must fit.

    Args:
        net: Changed in place.
        weights: Arrays by torch's names.
        source: Names the weights in errors.
        describe_foreign: Says what weights with these names seem to be, or "".

    Raises:
        InputFileError: Arrays are missing, left over, of another shape, or not finite.
    """
    # A counter of training steps, which only BN without a momentum reads.
    counters = {name for name in net.state_dict() if name.endswith(".num_batches_tracked")}
    wanted = {n: tuple(v.shape) for n, v in net.state_dict().items() if n not in counters}
    missing = [name for name in wanted if name not in weights]
    extra = [name for name in weights if name not in wanted and name not in counters]
    if missing or extra:
        guess = describe_foreign(frozenset(weights))
        raise InputFileError(
            f"{source} does not hold the weights of this network"
            + (f", it seems to be {guess}" if guess else "")
            + f": {_list_names('missing', missing)}, {_list_names('left over', extra)}",
            "Give the weights of exactly this network and width.",
        )
    for name, shape in wanted.items():
        if weights[name].shape != shape:
            raise InputFileError(
                f"{source}: '{name}' has the shape {weights[name].shape}, "
                f"this network needs {shape}",
                "Give the weights of exactly this network and width.",
            )
    with np.errstate(over="ignore"):
        values = {name: weights[name].astype(np.float32) for name in wanted}
    check_finite(values, source)
    net.load_state_dict({name: torch.from_numpy(v) for name, v in values.items()}, strict=False)


def _rename_gluon(name: str) -> str:
    """Gluon calls BN's weight gamma and its bias beta."""
    stem, dot, last = name.rpartition(".")
    return stem + dot + {"gamma": "weight", "beta": "bias"}.get(last, last)


def _read_torch(path: Path) -> dict[str, NDArray[np.generic]]:
    hint = (
        "Save it with torch.save(net.state_dict(), path); whole pickled networks are not read, "
        "because reading them would run code from the file."
    )
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            state: Any = torch.load(path, map_location="cpu", weights_only=True)
    except pickle.UnpicklingError as error:
        # Torch's own message advises to run the code after all.
        asked = re.search(r"GLOBAL ([\w.]+)", str(error))
        more = f": it asks for {asked[1]}" if asked else ""
        raise InputFileError(
            f"{path} is not a readable torch state dict, it is damaged or holds code{more}", hint
        ) from error
    except Exception as error:  # a hostile file makes torch raise nearly anything
        reason = (str(error) or type(error).__name__).splitlines()[0]
        raise InputFileError(
            f"{path} is not a readable torch state dict: {reason}", hint
        ) from error
    if isinstance(state, Mapping):
        for key in ("state_dict", "model"):  # the usual wrappings of a training checkpoint
            if isinstance(state.get(key), Mapping):
                state = state[key]
                break
    if not isinstance(state, Mapping) or not state:
        raise InputFileError(f"{path} holds no state dict", hint)
    weights = {}
    for name, value in state.items():
        if not isinstance(name, str) or not isinstance(value, torch.Tensor):
            raise InputFileError(f"{path} holds something besides tensors: {name!r:.60}", hint)
        try:
            weights[name.removeprefix("module.")] = value.detach().to(torch.float32).numpy()
        except (RuntimeError, TypeError, NotImplementedError) as error:
            raise InputFileError(f"{path}: '{name}' is not a dense tensor", hint) from error
    return weights


def _read_safetensors(path: Path) -> dict[str, NDArray[np.generic]]:
    try:
        from safetensors import SafetensorError
        from safetensors.torch import load_file
    except ModuleNotFoundError as error:
        raise MissingDependencyError(
            f"{path} needs the package {error.name}, which is not installed",
            "Try: pip install 'tinydeploy[train]'.",
        ) from error
    try:
        state = load_file(path)
    except (SafetensorError, OSError, ValueError, KeyError, RuntimeError) as error:
        reason = (str(error) or type(error).__name__).splitlines()[0]
        raise InputFileError(
            f"{path} is not a readable safetensors file: {reason}",
            "Copy it again, or save it anew with safetensors.torch.save_file.",
        ) from error
    return {name: value.to(torch.float32).numpy() for name, value in state.items()}


def _list_names(what: str, names: list[str]) -> str:
    if not names:
        return f"nothing {what}"
    more = f" and {len(names) - _SHOWN} more" if len(names) > _SHOWN else ""
    return f"{len(names)} arrays {what} ({', '.join(names[:_SHOWN])}{more})"
