"""Small float .tflite models, one or several per operator."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
from float_models import FloatBuilder, Shape

Build = Callable[[FloatBuilder], "int | list[int]"]
PICTURE = (1, 7, 9, 4)


def conv(shape: Shape, weights: Shape, out: Shape, **options: Any) -> tuple[Shape, Build]:
    defaults = {"Padding": "SAME", "StrideH": 1, "StrideW": 1}
    defaults |= {"DilationHFactor": 1, "DilationWFactor": 1}
    builtin = "CONV_2D"
    if "DepthMultiplier" in options:
        builtin = "DEPTHWISE_CONV_2D"
    outputs = out[-1]
    return shape, lambda b: b.op(
        builtin, [b.input, b.weights(*weights), b.weights(outputs)], out, defaults | options
    )


def pool(builtin: str, out: Shape, **options: Any) -> tuple[Shape, Build]:
    defaults = {"Padding": "SAME", "StrideH": 2, "StrideW": 2}
    defaults |= {"FilterHeight": 3, "FilterWidth": 2}
    return PICTURE, lambda b: b.op(builtin, [b.input], out, defaults | options)


def unary(builtin: str, **options: Any) -> tuple[Shape, Build]:
    return PICTURE, lambda b: b.op(builtin, [b.input], PICTURE, options)


def binary(builtin: str, other: Shape, swap: bool = False, **options: Any) -> tuple[Shape, Build]:
    def build(b: FloatBuilder) -> int:
        inputs = [b.input, b.weights(*other, scale=2)]
        return b.op(builtin, inputs[::-1] if swap else inputs, PICTURE, options)

    return PICTURE, build


def with_constant(builtin: str, out: Shape, *values: Any, **options: Any) -> tuple[Shape, Build]:
    def build(b: FloatBuilder) -> int:
        constants = [b.constant(np.array(value, np.int32)) for value in values]
        return b.op(builtin, [b.input, *constants], out, options)

    return PICTURE, build


def resize(builtin: str, height: int, width: int, **options: Any) -> tuple[Shape, Build]:
    return with_constant(builtin, (1, height, width, 4), [height, width], **options)


def transpose_conv(out: Shape, stride: int, padding: str) -> tuple[Shape, Build]:
    def build(b: FloatBuilder) -> int:
        weights = b.weights(out[3], 3, 3, 4)
        inputs = [b.integers(*out), weights, b.input]
        options = {"Padding": padding, "StrideH": stride, "StrideW": stride}
        return b.op("TRANSPOSE_CONV", inputs, out, options)

    return PICTURE, build


def split(b: FloatBuilder) -> list[int]:
    shapes = [(1, 7, 9, 2)] * 2
    return b.ops("SPLIT", [b.integers(3), b.input], shapes, {"NumSplits": 2})


def split_v(b: FloatBuilder) -> list[int]:
    inputs = [b.input, b.integers(2, 3, 4), b.integers(-2)]
    return b.ops("SPLIT_V", inputs, [(1, 7, n, 4) for n in (2, 3, 4)], {"NumSplits": 3})


def excite(b: FloatBuilder) -> int:
    """Squeeze and excite: the mean of each channel, a vector, times the picture."""
    mean = b.op("MEAN", [b.input, b.integers(1, 2)], (1, 4), {"KeepDims": False})
    gate = b.op("LOGISTIC", [mean], (1, 4))
    picture = b.op("RELU", [b.input], PICTURE)
    return b.op("MUL", [picture, gate], PICTURE)


def flatten(b: FloatBuilder) -> int:
    flat = b.op("RESHAPE", [b.input, b.integers(1, 252)], (1, 252))
    return b.op("FULLY_CONNECTED", [flat, b.weights(5, 252), b.weights(5)], (1, 5))


def shuffle(b: FloatBuilder) -> int:
    groups = b.op("RESHAPE", [b.input, b.integers(1, 7, 9, 2, 2)], (1, 7, 9, 2, 2))
    turned = b.op("TRANSPOSE", [groups, b.integers(0, 1, 2, 4, 3)], (1, 7, 9, 2, 2))
    return b.op("RESHAPE", [turned, b.integers(*PICTURE)], PICTURE)


def convolution_of_rows(b: FloatBuilder) -> int:
    """What a one-dimensional convolution is in TFLite."""
    row = b.op("EXPAND_DIMS", [b.input, b.integers(1)], (1, 1, 12, 3))
    options = {"Padding": "SAME", "StrideH": 1, "StrideW": 2}
    options |= {"DilationHFactor": 1, "DilationWFactor": 1}
    inputs = [row, b.weights(5, 1, 3, 3), b.weights(5)]
    filtered = b.op("CONV_2D", inputs, (1, 1, 6, 5), options)
    return b.op("SQUEEZE", [filtered], (1, 6, 5), {"SqueezeDims": [1]})


def half_weights(b: FloatBuilder) -> int:
    """Weights in 16 bits, which a DEQUANTIZE widens."""
    half = b.constant(b.rng.normal(size=(6, 4)).astype(np.float16))
    wide = b.op("DEQUANTIZE", [half], (6, 4))
    options = {"KeepNumDims": True}
    return b.op("FULLY_CONNECTED", [b.input, wide, b.weights(6)], (1, 7, 9, 6), options)


CASES: dict[str, tuple[Shape, Build]] = {
    "conv": conv(PICTURE, (6, 3, 3, 4), (1, 7, 9, 6), FusedActivationFunction="RELU6"),
    "conv stride": conv(PICTURE, (6, 3, 2, 4), (1, 4, 5, 6), StrideH=2, StrideW=2),
    "conv even": conv((1, 8, 8, 3), (2, 3, 3, 3), (1, 4, 4, 2), StrideH=2, StrideW=2),
    "conv valid": conv(PICTURE, (6, 3, 3, 4), (1, 5, 7, 6), Padding="VALID"),
    "conv dilated": conv(PICTURE, (6, 3, 3, 4), (1, 7, 9, 6), DilationHFactor=2, DilationWFactor=3),
    "conv grouped": conv(PICTURE, (6, 3, 3, 2), (1, 7, 9, 6)),
    "depthwise": conv(PICTURE, (1, 3, 3, 4), (1, 4, 5, 4), DepthMultiplier=1, StrideH=2, StrideW=2),
    "depthwise twice": conv(PICTURE, (1, 3, 3, 8), (1, 7, 9, 8), DepthMultiplier=2),
    "transposed same": transpose_conv((1, 14, 18, 2), 2, "SAME"),
    "transposed valid": transpose_conv((1, 15, 19, 2), 2, "VALID"),
    "flatten": (PICTURE, flatten),
    "half weights": (PICTURE, half_weights),
    "average": pool("AVERAGE_POOL_2D", (1, 4, 5, 4)),
    "maximum": pool("MAX_POOL_2D", (1, 4, 5, 4), FusedActivationFunction="RELU"),
    "maximum valid": pool("MAX_POOL_2D", (1, 3, 4, 4), Padding="VALID"),
    "mean": with_constant("MEAN", (1, 1, 1, 4), [1, 2], KeepDims=True),
    "largest": with_constant("REDUCE_MAX", (1, 4), [1, 2], KeepDims=False),
    "largest kept": with_constant("REDUCE_MAX", (1, 1, 1, 4), [1, 2], KeepDims=True),
    "mean of rows": with_constant("MEAN", (1, 7, 4), [-2], KeepDims=False),
    "mean of channels": with_constant("MEAN", (1, 7, 9, 1), [3], KeepDims=True),
    **{
        f"{builtin.lower()} {other}": binary(builtin, other)
        for builtin in ("ADD", "SUB", "MUL", "MAXIMUM", "MINIMUM")
        for other in ((4,), (1, 7, 9, 4))
    },
    "subtracted": binary("SUB", (1, 1, 9, 1), swap=True, FusedActivationFunction="RELU_N1_TO_1"),
    "scalar": binary("MUL", ()),
    "divided": (
        PICTURE,
        lambda b: b.op("DIV", [b.input, b.constant(np.arange(1, 5, dtype=np.float32))], PICTURE),
    ),
    "excite": (PICTURE, excite),
    **{
        builtin: unary(builtin)
        for builtin in (
            *("RELU", "RELU6", "RELU_N1_TO_1", "RELU_0_TO_1"),
            *("LOGISTIC", "TANH", "HARD_SWISH", "GELU", "ABS", "NEG"),
        )
    },
    "gelu by tanh": unary("GELU", Approximate=True),
    "exp": (PICTURE, lambda b: b.op("EXP", [b.op("TANH", [b.input], PICTURE)], PICTURE)),
    "leaky": unary("LEAKY_RELU", Alpha=0.2),
    "prelu": (PICTURE, lambda b: b.op("PRELU", [b.input, b.weights(1, 1, 4)], PICTURE)),
    "softmax": unary("SOFTMAX", Beta=1.0),
    "softmax beta": unary("SOFTMAX", Beta=0.5),
    "bilinear": resize("RESIZE_BILINEAR", 14, 18),
    "bilinear corners": resize("RESIZE_BILINEAR", 13, 20, AlignCorners=True),
    "bilinear centers": resize("RESIZE_BILINEAR", 12, 5, HalfPixelCenters=True),
    "nearest": resize("RESIZE_NEAREST_NEIGHBOR", 14, 27),
    "nearest odd": resize("RESIZE_NEAREST_NEIGHBOR", 11, 5),
    "nearest corners": resize("RESIZE_NEAREST_NEIGHBOR", 13, 17, AlignCorners=True),
    "nearest centers": resize("RESIZE_NEAREST_NEIGHBOR", 10, 12, HalfPixelCenters=True),
    "transpose": with_constant("TRANSPOSE", (1, 4, 7, 9), [0, 3, 1, 2]),
    "shuffle": (PICTURE, shuffle),
    "rows": ((1, 12, 3), convolution_of_rows),
    "joined": (
        PICTURE,
        lambda b: b.op("CONCATENATION", [b.input, b.input], (1, 7, 9, 8), {"Axis": -1}),
    ),
    "stacked": (
        (1, 5),
        lambda b: b.op("PACK", [b.input, b.input], (1, 2, 5), {"Axis": 1, "ValuesCount": 2}),
    ),
    "split": (PICTURE, split),
    "split sizes": (PICTURE, split_v),
    "slice": with_constant("SLICE", (1, 3, 9, 2), [0, 2, 0, 1], [1, 3, -1, 2]),
    "strided": with_constant(
        "STRIDED_SLICE",
        (1, 3, 9, 3),
        [0, 1, 5, 0],
        [1, 7, 7, -1],
        [1, 2, 1, 1],
        BeginMask=5,
        EndMask=4,
    ),
    "row taken": with_constant(
        "STRIDED_SLICE",
        (1, 9, 4),
        [0, -2, 0, 0],
        [1, 0, 9, 4],
        [1, 1, 1, 1],
        ShrinkAxisMask=2,
    ),
    "pad": with_constant("PAD", (1, 10, 9, 7), [[0, 0], [1, 2], [0, 0], [3, 0]]),
    "pad value": (
        PICTURE,
        lambda b: b.op(
            "PADV2",
            [
                b.input,
                b.constant(np.array([[0, 0], [1, 0], [0, 1], [0, 0]], np.int32)),
                b.constant(np.array(-2.5, np.float32)),
            ],
            (1, 8, 10, 4),
        ),
    ),
    "mirror": with_constant("MIRROR_PAD", (1, 9, 11, 4), [[0, 0], [1, 1], [1, 1], [0, 0]], Mode=0),
    "gather": with_constant("GATHER", (1, 7, 9, 3), [3, 0, 0], Axis=3),
    "gather one": with_constant("GATHER", (1, 9, 4), 2, Axis=1),
    "to space": (
        (1, 3, 4, 8),
        lambda b: b.op("DEPTH_TO_SPACE", [b.input], (1, 6, 8, 2), {"BlockSize": 2}),
    ),
    "to depth": (
        (1, 4, 6, 3),
        lambda b: b.op("SPACE_TO_DEPTH", [b.input], (1, 2, 3, 12), {"BlockSize": 2}),
    ),
}
