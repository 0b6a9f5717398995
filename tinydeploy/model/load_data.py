"""From what --data names, a folder of pictures or a file of inputs, to InputData."""

from __future__ import annotations

from pathlib import Path

from tinydeploy.errors import InputFileError
from tinydeploy.model.array_file import SUFFIXES, load_array_file
from tinydeploy.model.float_model import InputData, Preprocessing
from tinydeploy.model.picture_folder import ADVICE, load_picture_folder


def load_data(
    data: Path,
    preprocessing: Preprocessing,
    input_shape: tuple[int, int, int, int],
    classes: int,
) -> InputData:
    """Calibration and test inputs.

    Args:
        data: A folder, see `load_picture_folder`, or a file, see `load_array_file`.
        preprocessing: The network's.
        input_shape: (1, C, H, W).
        classes: Number of outputs.

    Raises:
        InputFileError: There is nothing usable.
    """
    if data.suffix.lower() in SUFFIXES and not data.is_dir():
        return load_array_file(data, preprocessing, input_shape, classes)
    if data.exists() and not data.is_dir():
        raise InputFileError(f"{data} is neither a folder nor a .npy or .npz file", ADVICE)
    return load_picture_folder(data, preprocessing, input_shape, classes)
