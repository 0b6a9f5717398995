"""Operators that make one value of many: pooling, means, resizing."""

from __future__ import annotations

import numpy as np

from tinydeploy.graph.tflite_file import Operator
from tinydeploy.source.float_tflite.translation import (
    Translation,
    UntranslatableError,
    place_axis,
    translates,
)
from tinydeploy.source.float_tflite.weighted import read_strides, window_pads


@translates("AVERAGE_POOL_2D", "MAX_POOL_2D")
def translate_pool(operator: Operator, to: Translation) -> None:
    """Averages leave the padding out."""
    source = operator.inputs[0]
    options = operator.options
    kernel = int(options.get("FilterHeight", 0)), int(options.get("FilterWidth", 0))
    if to.rank(source) != 4 or min(kernel) < 1:
        raise UntranslatableError(f"it pools {list(kernel)} of {list(to.shape(source))}")
    op = "AveragePool" if operator.builtin == "AVERAGE_POOL_2D" else "MaxPool"
    pads = window_pads(operator, to.shape(source), kernel, (1, 1))
    attributes = {"kernel_shape": kernel, "strides": read_strides(operator), "pads": pads}
    to.result(operator, op, [to.read(source, "first")], "first", **attributes)


@translates("MEAN")
def translate_mean(operator: Operator, to: Translation) -> None:
    """The mean over height and width is ONNX's GlobalAveragePool."""
    axes = _read_axes(operator, to)
    if _pool_all(operator, to, axes, "GlobalAveragePool"):
        return
    source = operator.inputs[0]
    keeps = bool(operator.options.get("KeepDims", False))
    layout = to.layout([source]) if keeps else "last"
    placed = sorted(place_axis(axis, to.rank(source), layout) for axis in axes)
    to.result(
        operator, "ReduceMean", [to.read(source, layout)], layout, axes=placed, keepdims=int(keeps)
    )


@translates("REDUCE_MAX")
def translate_maximum(operator: Operator, to: Translation) -> None:
    """Over height and width, it is ONNX's GlobalMaxPool."""
    axes = _read_axes(operator, to)
    if not _pool_all(operator, to, axes, "GlobalMaxPool"):
        raise UntranslatableError(
            f"it is the maximum over the axes {axes}", "take it over height and width"
        )


def _read_axes(operator: Operator, to: Translation) -> list[int]:
    rank = to.rank(operator.inputs[0])
    axes = to.expect_constant(operator, 1).flat
    return sorted({place_axis(int(axis), rank, "last") for axis in axes})


def _pool_all(operator: Operator, to: Translation, axes: list[int], op: str) -> bool:
    """Reduces all axes but the batch and the channels, if it is those."""
    source, output = operator.inputs[0], operator.outputs[0]
    rank = to.rank(source)
    if rank < 3 or axes != list(range(1, rank - 1)):
        return False
    pooled = to.node(op, [to.read(source, "first")], to.tensor(output).name)
    if not operator.options.get("KeepDims", False):
        pooled = to.reshape(pooled, to.shape(output), f"{pooled}/flat")
    to.write(output, "first", pooled)
    return True


@translates("RESIZE_BILINEAR", "RESIZE_NEAREST_NEIGHBOR")
def translate_resize(operator: Operator, to: Translation) -> None:
    """Where output pixels lie in the input is told by two flags."""
    source, output = operator.inputs[0], operator.outputs[0]
    scales = [1.0, 1.0]
    for size, wanted in zip(to.shape(source)[1:3], to.shape(output)[1:3], strict=True):
        scale = np.float32(wanted / size)
        # ONNX rounds size times scale down.
        if int(np.floor(np.float32(size) * scale)) < wanted:
            scale = np.nextafter(scale, np.float32(np.inf))
        scales.append(float(scale))
    aligned = bool(operator.options.get("AlignCorners", False))
    centered = bool(operator.options.get("HalfPixelCenters", False))
    transformation = "align_corners" if aligned else "half_pixel" if centered else "asymmetric"
    attributes = {"mode": "linear"}
    if operator.builtin == "RESIZE_NEAREST_NEIGHBOR":
        rounding = "round_prefer_ceil" if aligned or centered else "floor"
        attributes = {"mode": "nearest", "nearest_mode": rounding}
    inputs = [
        to.read(source, "first"),
        "",
        to.constant("scales", np.array(scales, np.float32)),
    ]
    to.result(
        operator,
        "Resize",
        inputs,
        "first",
        coordinate_transformation_mode=transformation,
        **attributes,
    )
