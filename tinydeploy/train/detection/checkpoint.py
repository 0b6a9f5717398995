"""A trained detector as a file: what it finds, how pictures become its input, its weights.

It is a torch file of texts, numbers and tensors: nothing in it is code, and none is run.
"""

from __future__ import annotations

import contextlib
import os
import pickle
import warnings
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import torch
from torch import nn

from tinydeploy.detection.spec import DetectionSpec
from tinydeploy.errors import InputFileError, InternalError, OutputError
from tinydeploy.model.float_model import Preprocessing
from tinydeploy.model.weights import load_weights
from tinydeploy.zoo.etinynet_ssd import (
    PICTURES,
    SCENES,
    make_picture_detector,
    make_picture_spec,
    make_scene_spec,
    make_small_detector,
)

_FORMAT = "tinydeploy-detector-1"
_ADVICE = "Give a .pt file that tinydeploy train detection wrote."


@dataclass(frozen=True)
class Network:
    """A kind of detector.

    Args:
        build: Makes it for a spec.
        make_spec: Its anchors for classes of these names.
        preprocessing: How pictures become its input.
    """

    build: Callable[[DetectionSpec], nn.Module]
    make_spec: Callable[[Sequence[str]], DetectionSpec]
    preprocessing: Preprocessing


NETWORKS: Mapping[str, Network] = {
    "etinynet-ssd": Network(make_picture_detector, make_picture_spec, PICTURES),
    "etinynet-ssd-small": Network(make_small_detector, make_scene_spec, SCENES),
}


@dataclass(frozen=True, eq=False)
class Detector:
    """A detector.

    Args:
        network: A name from NETWORKS.
        spec: What its outputs mean.
        net: In inference mode.
    """

    network: str
    spec: DetectionSpec
    net: nn.Module


def write_checkpoint(path: Path, detector: Detector) -> None:
    """Writes the file; what stood there stays until the new one is complete.

    Raises:
        OutputError: It cannot be written.
    """
    if detector.network not in NETWORKS:
        raise InternalError(f"there is no network {detector.network}")
    content = {
        "format": _FORMAT,
        "network": detector.network,
        "spec": detector.spec.to_json(),
        "state": detector.net.state_dict(),
    }
    part = path.with_name(f"{path.name}.{os.getpid()}.part")
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        torch.save(content, part)
        part.replace(path)
    except (OSError, RuntimeError) as error:
        with contextlib.suppress(OSError):
            part.unlink()
        raise OutputError(f"cannot write {path}: {error}", "Choose another path.") from error


def read_checkpoint(path: Path) -> Detector:
    """Reads the file, which is not trusted.

    Raises:
        InputFileError: It is missing, damaged, or something else.
    """
    if not path.is_file():
        raise InputFileError(f"there is no file {path}", _ADVICE)
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            content: Any = torch.load(path, map_location="cpu", weights_only=True)
    except pickle.UnpicklingError as error:
        raise InputFileError(f"{path} is damaged or holds code", _ADVICE) from error
    except Exception as error:  # a hostile file makes torch raise nearly anything
        reason = (str(error) or type(error).__name__).splitlines()[0]
        raise InputFileError(f"{path} is no torch file: {reason}", _ADVICE) from error
    if not isinstance(content, dict) or content.get("format") != _FORMAT:
        raise InputFileError(f"{path} holds no detector of tinydeploy", _ADVICE)
    network: Any = content.get("network")
    text: Any = content.get("spec")
    state: Any = content.get("state")
    complete = isinstance(network, str) and isinstance(text, str) and isinstance(state, dict)
    if not complete or network not in NETWORKS:
        raise InputFileError(f"{path} holds an incomplete detector", _ADVICE)
    spec = DetectionSpec.from_json(text)
    try:
        weights = {name: value.numpy() for name, value in state.items()}
    except Exception as error:  # no tensors, or tensors of odd kinds
        raise InputFileError(f"{path} holds weights that are no plain tensors", _ADVICE) from error
    try:
        net = NETWORKS[network].build(spec)
    except InternalError as error:  # sources that the network has not
        raise InputFileError(f"{path}: {error.message}", _ADVICE) from error
    load_weights(net, weights, str(path))
    return Detector(network, spec, net.eval())
