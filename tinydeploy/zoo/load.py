"""From a network's name, a weights file and a folder of pictures to a FloatModel."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import numpy as np
from torch import nn

from tinydeploy.errors import UsageError
from tinydeploy.model.export import check_onnx, export_onnx, run_torch
from tinydeploy.model.float_model import FloatModel
from tinydeploy.model.load_data import Data, load_data
from tinydeploy.model.picture_folder import ADVICE
from tinydeploy.model.weights import load_weights, read_weights
from tinydeploy.model.weights_order import rename_by_order
from tinydeploy.zoo.registry import ModelEntry, find_model

_CHECKED_INPUTS = 8
_MOST_PIXELS = 2048  # of a side: a net makes its first maps of it before anything is planned


def load_float_model(
    name: str,
    weights: Path | None,
    data: Data | None,
    labels: Sequence[str] = (),
    input_shape: Sequence[int] | None = None,
) -> FloatModel:
    """A network of the zoo with trained weights, exported to ONNX and checked.

    Labels are the names of the data's class folders where there is one for each output, else
    empty: the names of ImageNet's classes are not part of tinydeploy.

    Args:
        name: Name in the zoo, e.g. "etinynet-1.0".
        weights: An MXNet .params file or a torch state dict; for some nets with the names of
            another package, see ModelEntry.alike.
        data: Calibration pictures or inputs, see `load_data`.
        labels: Names of all classes; empty where they are not known.
        input_shape: (C, H, W) for pictures of another size than the network's; None for that.

    Raises:
        UsageError: There is no such network, weights or data are not given, or the network does
            not take pictures of that size.
        InputFileError: Weights or data cannot be used.
    """
    entry = find_model(name)
    if weights is None:
        raise UsageError(
            f"{name} needs trained weights",
            "Give them with --weights FILE (MXNet .params, or a torch state dict in a .pt file).",
        )
    if data is None:
        raise UsageError(f"{name} needs calibration pictures", f"Use --data FOLDER. {ADVICE}")
    net = entry.build()
    shape = entry.input_shape
    if input_shape is not None:
        shape = (1, *input_shape)  # type: ignore[assignment]
        _check_shape(entry, net, shape)
    arrays, notes = read_weights(weights), list[str]()
    if entry.alike and any(name not in arrays for name, _ in net.named_parameters()):
        renamed = rename_by_order(net, arrays)
        if renamed is not None:
            arrays = renamed
            notes.append(f"the weights have {entry.alike}'s names: matched by the order of layers")
    load_weights(net, arrays, str(weights), entry.describe_foreign_weights)
    onnx = export_onnx(net, shape)
    found = load_data(data, entry.preprocessing, shape, entry.classes, labels=labels)
    picked = np.linspace(0, len(found.calibration) - 1, _CHECKED_INPUTS).astype(int)
    return FloatModel(
        name=entry.name,
        onnx=onnx,
        input_shape=shape,
        preprocessing=entry.preprocessing,
        labels=tuple(labels) or found.labels,
        calibration=found.calibration,
        test=found.test,
        export_error=check_onnx(net, onnx, found.calibration[picked]),
        notes=(*notes, *found.notes),
        detection=entry.detection,
    )


def _check_shape(entry: ModelEntry, net: nn.Module, shape: tuple[int, ...]) -> None:
    """Raises UsageError where a network takes no pictures of that size.

    Those behind whose features is a global pool do, down to a size at which some map is empty.
    """
    own = ",".join(map(str, entry.input_shape[1:]))
    if len(shape) != 4 or shape[1] != entry.input_shape[1] or entry.preprocessing is None:
        raise UsageError(
            f"{entry.name} takes {own}: --input-shape may say another height and width of pictures",
            "Leave it out, or name a classifier of pictures.",
        )
    if max(shape[2:]) > _MOST_PIXELS:
        raise UsageError(
            f"pictures of {shape[2]}x{shape[3]} are too large for a microcontroller",
            f"--input-shape may say at most {_MOST_PIXELS} for height and width.",
        )
    if entry.detection is not None:
        raise UsageError(
            f"the boxes of {entry.name} are those of pictures of {own}", "Leave --input-shape out."
        )
    try:
        (made,) = run_torch(net, np.zeros(shape, np.float32))
    except RuntimeError as error:
        raise UsageError(
            f"{entry.name} cannot be run on an input {list(shape)}: {error}",
            f"It was made for {own}; near that it may run.",
        ) from error
    if made.shape != (1, entry.classes):
        raise UsageError(
            f"{entry.name} gives {list(made.shape)} for an input {list(shape)}, "
            f"not {entry.classes} class scores",
            f"It was made for {own}.",
        )
