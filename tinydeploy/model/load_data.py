"""From what the user gives as data, a folder, a file or an iterable, to InputData."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import Any

from numpy.typing import NDArray

from tinydeploy.errors import InputFileError
from tinydeploy.model.array_file import SUFFIXES, load_array_file
from tinydeploy.model.float_model import InputData, Preprocessing
from tinydeploy.model.input_stream import load_stream
from tinydeploy.model.picture_folder import ADVICE, load_picture_folder

Data = Path | Iterable[NDArray[Any]]

ARRAY_ADVICE = "Save 16 or more inputs, better 200, as the network takes them with numpy.save."


def load_data(
    data: Data,
    preprocessing: Preprocessing | None,
    input_shape: tuple[int, ...],
    classes: int,
    *,
    channels_last: bool = False,
    labels: Sequence[str] = (),
) -> InputData:
    """Calibration and test inputs.

    Args:
        data: A folder, see `load_picture_folder`, a file, see `load_array_file`, or inputs, see
            `load_stream`.
        preprocessing: The network's; None not with a folder.
        input_shape: (1, C, H, W), or (1, features).
        classes: Number of outputs.
        channels_last: Arrays are [n, H, W, C].
        labels: Names of all classes; folders that are called so hold pictures of them.

    Raises:
        InputFileError: There is nothing usable.
    """
    if not isinstance(data, Path):
        return load_stream(data, preprocessing, input_shape, channels_last=channels_last)
    if is_array_file(data):
        return load_array_file(
            data, preprocessing, input_shape, classes, channels_last=channels_last
        )
    if data.exists() and not data.is_dir():
        raise InputFileError(f"{data} is neither a folder nor a .npy or .npz file", ADVICE)
    if preprocessing is None:
        raise InputFileError(
            f"{data} is no .npy or .npz file, and inputs {list(input_shape[1:])} are no pictures",
            ARRAY_ADVICE,
        )
    _, channels, height, width = input_shape
    return load_picture_folder(
        data, preprocessing, (1, channels, height, width), classes, labels=labels
    )


def is_array_file(data: Data) -> bool:
    """Whether this names a .npy or .npz file and not a folder."""
    return isinstance(data, Path) and data.suffix.lower() in SUFFIXES and not data.is_dir()
