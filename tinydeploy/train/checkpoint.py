"""A trained net in one file, with all that a build needs: name, classes, preprocessing, pictures.

The file is torch's, without code: plain values and tensors, read as untrusted input. The pictures,
some to calibrate with and some to measure the int8 net's accuracy on, are kept as pixels.
"""

from __future__ import annotations

from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn

from tinydeploy.errors import InputFileError, InternalError, TinydeployError
from tinydeploy.model.check_finite import check_finite
from tinydeploy.model.checkpoint_format import FORMAT
from tinydeploy.model.export import check_onnx, export_onnx
from tinydeploy.model.float_model import FloatModel, LabeledInputs, Preprocessing
from tinydeploy.train.data.training_data import Pictures, TrainingData
from tinydeploy.train.limits import insert_limits, read_limits
from tinydeploy.train.nets import build_net
from tinydeploy.train.state import replace_file

_CALIBRATION, _TEST = 512, 500
_PICTURE_BYTES = 32 << 20


@dataclass(frozen=True, eq=False)
class Checkpoint:
    """A trained classifier.

    Args:
        name: Of the model; symbols are made from it.
        net: Name that `build_net` knows.
        labels: Name of each class.
        preprocessing: How pictures become inputs.
        input_shape: (1, C, H, W).
        weights: The net's state dict.
        calibration: uint8 [n, H, W, C].
        test: Pictures to measure accuracy on.
        facts: How it was trained, for people.
    """

    name: str
    net: str
    labels: tuple[str, ...]
    preprocessing: Preprocessing
    input_shape: tuple[int, int, int, int]
    weights: dict[str, Tensor]
    calibration: NDArray[np.uint8]
    test: Pictures
    facts: dict[str, Any]

    def make_net(self) -> nn.Module:
        """The net with its weights, in inference mode."""
        _, channels, height, width = self.input_shape
        net = build_net(self.net, len(self.labels), channels, (height, width))
        if limits := read_limits(self.weights):
            net = insert_limits(net.eval(), limits)
            net(torch.zeros(self.input_shape))  # limits of other channels do not fit
        net.load_state_dict(self.weights)
        return net.eval()


def make_checkpoint(
    name: str, net_name: str, net: nn.Module, data: TrainingData, facts: dict[str, Any]
) -> Checkpoint:
    """A trained net with evenly chosen pictures of its data."""
    most = max(16, _PICTURE_BYTES // int(np.prod(data.input_shape)) // 2)
    wanted = min(_CALIBRATION, most)
    # Labelled ones up to a half, then what there is of the others, and labelled ones again.
    others = data.unlabelled[_spread(len(data.unlabelled), wanted - wanted // 2)]
    own = data.labelled.pixels[_spread(len(data.labelled.pixels), wanted - len(others))]
    more = data.unlabelled[_spread(len(data.unlabelled), wanted - len(own))]
    return Checkpoint(
        name=name,
        net=net_name,
        labels=data.labels,
        preprocessing=data.preprocessing,
        input_shape=data.input_shape,
        weights={key: value.cpu() for key, value in net.state_dict().items()},
        calibration=np.concatenate([own, more]),
        test=data.valid.pick(_spread(len(data.valid.classes), min(_TEST, most))),
        facts=facts,
    )


def write_checkpoint(path: Path, checkpoint: Checkpoint) -> None:
    """Writes the file; a reader never sees a part of it."""
    content = {
        "format": FORMAT,
        "name": checkpoint.name,
        "net": checkpoint.net,
        "labels": list(checkpoint.labels),
        "preprocessing": asdict(checkpoint.preprocessing),
        "input_shape": list(checkpoint.input_shape),
        "weights": checkpoint.weights,
        "calibration": torch.from_numpy(checkpoint.calibration.copy()),
        "test_pixels": torch.from_numpy(checkpoint.test.pixels.copy()),
        "test_classes": torch.from_numpy(checkpoint.test.classes.copy()),
        "facts": checkpoint.facts,
    }
    replace_file(path, lambda file: torch.save(content, file))


def read_checkpoint(path: Path) -> Checkpoint:
    """Reads a checkpoint.

    Raises:
        InputFileError: It is damaged, or none.
    """
    try:
        content = torch.load(path, map_location="cpu", weights_only=True)
        facts = content["preprocessing"]
        facts |= {name: tuple(facts[name]) for name in ("mean", "std")}
        one, channels, height, width = (int(value) for value in content["input_shape"])
        checkpoint = Checkpoint(
            name=str(content["name"]),
            net=str(content["net"]),
            labels=tuple(str(label) for label in content["labels"]),
            preprocessing=Preprocessing(**facts),
            input_shape=(one, channels, height, width),
            weights=dict(content["weights"]),
            calibration=_read_pixels(content["calibration"], (height, width, channels)),
            test=Pictures(
                _read_pixels(content["test_pixels"], (height, width, channels)),
                content["test_classes"].numpy().astype(np.int64),
            ),
            facts=dict(content["facts"]),
        )
        check_finite({name: value.numpy() for name, value in checkpoint.weights.items()}, str(path))
    except (TinydeployError, InternalError) as error:
        raise InputFileError(f"{path}: {error.message}", error.hint) from error
    except Exception as error:  # a damaged file makes torch raise nearly anything
        reason = (str(error) or type(error).__name__).splitlines()[0]
        raise InputFileError(
            f"{path} is no readable checkpoint: {reason}",
            "Give a file that `tinydeploy train` wrote.",
        ) from error
    return checkpoint


def load_checkpoint_model(path: Path) -> FloatModel:
    """The trained net of a checkpoint, exported to ONNX and checked.

    Raises:
        InputFileError: The file is damaged.
    """
    found = read_checkpoint(path)
    net = _make_net(found, path)
    onnx = export_onnx(net, found.input_shape)
    calibration = found.preprocessing.normalize(found.calibration)
    test = found.preprocessing.normalize(found.test.pixels)
    return FloatModel(
        name=found.name,
        onnx=onnx,
        input_shape=found.input_shape,
        preprocessing=found.preprocessing,
        labels=found.labels,
        calibration=calibration,
        test=LabeledInputs(test, found.test.classes),
        export_error=check_onnx(net, onnx, calibration[:8]),
    )


def _make_net(checkpoint: Checkpoint, path: Path) -> nn.Module:
    try:
        return checkpoint.make_net()
    except (RuntimeError, TinydeployError) as error:
        reason = str(error).splitlines()[0]
        raise InputFileError(
            f"{path}: its weights do not fit the net {checkpoint.net}: {reason}",
            "Was it written by another version?",
        ) from error


def _read_pixels(pixels: Tensor, shape: tuple[int, int, int]) -> NDArray[np.uint8]:
    if pixels.dtype != torch.uint8 or tuple(pixels.shape[1:]) != shape:
        raise ValueError(f"its pictures are {pixels.dtype} {list(pixels.shape)}")
    return pixels.numpy()


def _spread(count: int, wanted: int) -> NDArray[np.int64]:
    """Up to `wanted` indices below `count`, evenly spread."""
    return np.unique(np.linspace(0, max(0, count - 1), min(count, wanted)).astype(np.int64))
