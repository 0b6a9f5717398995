"""From a .npy or .npz file of network inputs to calibration inputs and, with classes, test inputs.

A .npy file holds the inputs; a .npz file one array of inputs and optionally `y`, their classes.
Inputs are float32 as the network takes them, or pictures: uint8 [n, H, W, C] of the input's size.
"""

from __future__ import annotations

import zipfile
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from tinydeploy.errors import InputFileError
from tinydeploy.model.float_model import InputData, LabeledInputs, Preprocessing

SUFFIXES = (".npy", ".npz")
_CLASSES = "y"
_FEW = 16
_MAX_BYTES = 1 << 31
# Beyond the range of the preprocessing by this part of it: more than rounding can make.
_SLACK = 1e-3


def load_array_file(
    path: Path,
    preprocessing: Preprocessing | None,
    input_shape: tuple[int, ...],
    classes: int,
    calibration_count: int = 512,
    test_count: int = 400,
    seed: int = 1,
    *,
    channels_last: bool = False,
) -> InputData:
    """Reads calibration inputs and, where there are classes, other inputs to test with.

    Args:
        path: See the module's text.
        preprocessing: What has been done to float inputs: their values must lie in its range; and
            what is to be done to pictures. None where that is not known.
        input_shape: (1, C, H, W), or (1, features).
        classes: Number of outputs.
        calibration_count: Calibration inputs at most.
        test_count: Test inputs at most; never more than half of all.
        seed: The same file and seed give the same inputs.
        channels_last: The file's arrays are [n, H, W, C] or [n, steps, C].

    Raises:
        InputFileError: The file is missing or damaged, or its arrays are not those inputs.
    """
    arrays = _read_arrays(path)
    taken = (*input_shape[2:], input_shape[1]) if channels_last else input_shape[1:]
    y = arrays.pop(_CLASSES, None)
    if len(arrays) != 1:
        raise InputFileError(
            f"{path} holds {len(arrays)} arrays of inputs: {', '.join(arrays) or 'none'}",
            f"Save one array {_describe(taken)}, and the classes, if known, as '{_CLASSES}'.",
        )
    found = next(iter(arrays.values()))
    pixels = (*input_shape[2:], input_shape[1])
    if preprocessing is not None and found.dtype == np.uint8 and found.shape[1:] == pixels:
        inputs = preprocessing.normalize(np.asarray(found, np.uint8))
    else:
        inputs = _check_inputs(path, found, preprocessing, taken)
        if channels_last:
            inputs = np.ascontiguousarray(np.moveaxis(inputs, -1, 1))
    order = np.random.default_rng(seed).permutation(len(inputs))
    tested = 0 if y is None else min(test_count, len(inputs) // 2)
    calibration = inputs[np.sort(order[tested : tested + calibration_count])]
    test = None
    if y is not None:
        indices = _check_classes(path, y, len(inputs), classes)
        chosen = np.sort(order[:tested])
        test = LabeledInputs(inputs[chosen], indices[chosen]) if tested else None
    notes: tuple[str, ...] = ()
    if len(calibration) < _FEW:
        notes = (f"few calibration inputs in {path}: int8 accuracy may suffer",)
    return InputData(calibration, test, (), notes)


def _read_arrays(path: Path) -> dict[str, NDArray[np.generic]]:
    if not path.is_file():
        raise InputFileError(f"there is no file {path}", "Is the path right?")
    try:
        size = path.stat().st_size
        if zipfile.is_zipfile(path):
            with zipfile.ZipFile(path) as archive:
                size = sum(member.file_size for member in archive.infolist())
        if size > _MAX_BYTES:
            raise ValueError(f"it holds {size} bytes")  # noqa: TRY301 - one message for all
        with path.open("rb") as file:
            found = np.load(file, allow_pickle=False)
            if isinstance(found, np.ndarray):
                return {"inputs": found}
            with found:
                return {name: np.asarray(found[name]) for name in found.files}
    except Exception as error:  # a damaged file makes numpy and zipfile raise nearly anything
        reason = (str(error).strip() or type(error).__name__).splitlines()[0]
        raise InputFileError(
            f"{path} is not a readable {path.suffix} file: {reason}",
            "Save it with numpy.save or numpy.savez, arrays of numbers only.",
        ) from error


def _describe(taken: tuple[int, ...]) -> str:
    return f"float32 [n, {', '.join(map(str, taken))}]"


def _check_inputs(
    path: Path,
    inputs: NDArray[np.generic],
    preprocessing: Preprocessing | None,
    taken: tuple[int, ...],
) -> NDArray[np.float32]:
    if inputs.dtype.kind != "f" or inputs.shape[1:] != taken or not len(inputs):
        raise InputFileError(
            f"{path} holds {inputs.dtype} {list(inputs.shape)} where the network takes "
            + _describe(taken),
            "Save inputs as the network takes them: preprocessed, the axes in that order. Or uint8 "
            "pictures [n, H, W, C], and give --mean and --std.",
        )
    with np.errstate(over="ignore"):
        values = inputs.astype(np.float32)
    if not np.isfinite(values).all():
        raise InputFileError(f"{path} holds values that are not finite numbers")
    if preprocessing is None:
        return values
    low, high = preprocessing.value_range
    slack = _SLACK * (high - low)
    least, most = float(values.min()), float(values.max())
    if least < low - slack or most > high + slack:
        raise InputFileError(
            f"{path} holds values from {least:.4g} to {most:.4g}, the preprocessing of pictures "
            f"gives {low:.4g} to {high:.4g}",
            "Save inputs as the network takes them; for an .onnx file --mean and --std tell its "
            "preprocessing.",
        )
    return values


def _check_classes(
    path: Path, y: NDArray[np.generic], count: int, classes: int
) -> NDArray[np.int64]:
    if y.dtype.kind not in "iu" or y.shape != (count,):
        raise InputFileError(
            f"{path}: '{_CLASSES}' is {y.dtype} {list(y.shape)}, not one whole number for each of "
            f"the {count} inputs",
            "Save the index of the right output for each input.",
        )
    if y.min() < 0 or y.max() >= classes:
        raise InputFileError(
            f"{path}: the classes in '{_CLASSES}' go from {y.min()} to {y.max()}, the network has "
            f"{classes} outputs",
            "Save the index of the right output, from 0, for each input.",
        )
    return y.astype(np.int64)
