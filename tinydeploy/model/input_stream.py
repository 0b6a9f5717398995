"""From any iterable of network inputs, such as a generator, to calibration inputs."""

from __future__ import annotations

from collections.abc import Iterable
from itertools import islice
from typing import Any

import numpy as np
from numpy.typing import NDArray

from tinydeploy.errors import InputFileError
from tinydeploy.model.float_model import InputData, Preprocessing

_FEW = 16


def load_stream(
    items: Iterable[NDArray[Any]],
    preprocessing: Preprocessing | None,
    input_shape: tuple[int, ...],
    calibration_count: int = 512,
    *,
    channels_last: bool = False,
) -> InputData:
    """Reads as many inputs as are of use, and no more: the iterable may be endless.

    Args:
        items: One input each, without a batch: float32 as the network takes it, or, where a
            preprocessing is given, uint8 pixels of the input's size, [H, W, C] in the network's
            order of colours.
        preprocessing: Of uint8 pixels.
        input_shape: (1, C, H, W), (1, C, steps) or (1, features).
        calibration_count: Inputs at most.
        channels_last: Float inputs are [H, W, C] or [steps, C].

    Raises:
        InputFileError: There are none, or one of another kind.
    """
    inputs = [
        _convert(place, np.asarray(item), preprocessing, input_shape[1:], channels_last)
        for place, item in enumerate(islice(items, calibration_count))
    ]
    if not inputs:
        raise InputFileError("the iterable of calibration inputs is empty", "Give 16 or more.")
    few = ("few calibration inputs: int8 accuracy may suffer",) if len(inputs) < _FEW else ()
    return InputData(np.stack(inputs), None, (), few)


def _convert(
    place: int,
    item: NDArray[Any],
    preprocessing: Preprocessing | None,
    shape: tuple[int, ...],
    channels_last: bool,
) -> NDArray[np.float32]:
    last = (*shape[1:], shape[0])
    pixels = item.dtype == np.uint8 and preprocessing is not None
    wanted = last if channels_last or pixels else shape
    if item.shape != wanted or (item.dtype.kind != "f" and not pixels):
        kinds = f"float32 {list(last if channels_last else shape)}"
        kinds += f" or uint8 {list(last)}" if preprocessing is not None else ""
        raise InputFileError(
            f"calibration input {place} is {item.dtype} {list(item.shape)}, not {kinds}",
            "Give inputs one by one, as the network takes them, without a batch.",
        )
    if pixels and preprocessing is not None:
        return preprocessing.normalize(item)
    values = item.astype(np.float32)
    if not np.isfinite(values).all():
        raise InputFileError(f"calibration input {place} holds values that are not finite numbers")
    return np.moveaxis(values, -1, 0) if channels_last else values
