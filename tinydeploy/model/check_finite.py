"""Finds weights that are not numbers, before they become int8 values that mean nothing."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np
import onnx
from numpy.typing import NDArray
from onnx import numpy_helper

from tinydeploy.errors import InputFileError


def check_finite(arrays: Mapping[str, NDArray[Any]], source: str) -> None:
    """Refuses NaN and infinite values.

    Args:
        arrays: By name; those that hold no real numbers are not looked at.
        source: Names the network in errors.

    Raises:
        InputFileError: An array has such values; the message names it.
    """
    for name, array in arrays.items():
        if array.dtype.kind != "f":
            continue
        wrong = int(array.size - np.isfinite(array).sum())
        if wrong:
            raise InputFileError(
                f"{source}: {wrong} of the {array.size} values of '{name}' are NaN or infinite",
                "The training diverged or the file is damaged.",
            )


def check_onnx_weights(data: bytes, source: str) -> None:
    """Refuses NaN and infinite values in the constants of an ONNX model.

    A constant of one value may be infinite: a bound, or the padding in front of a maximum.

    Args:
        data: A valid model, weights inside.
        source: Names it in errors.

    Raises:
        InputFileError: See `check_finite`.
    """
    graph = onnx.load_model_from_string(data).graph
    tensors = {tensor.name: tensor for tensor in graph.initializer}
    for node in graph.node:
        if node.op_type == "Constant" and node.attribute and node.attribute[0].HasField("t"):
            tensors[node.output[0]] = node.attribute[0].t
    arrays = {name: numpy_helper.to_array(tensor) for name, tensor in tensors.items()}
    check_finite({name: array for name, array in arrays.items() if array.size > 1}, source)
