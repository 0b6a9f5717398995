"""Operators with weights: convolutions and fully-connected layers."""

from __future__ import annotations

import numpy as np

from tinydeploy.graph.tflite_file import Operator
from tinydeploy.graph.window import window_extent, window_padding
from tinydeploy.source.float_tflite.translation import (
    Array,
    Translation,
    UntranslatableError,
    translates,
)

PADDINGS = ("SAME", "VALID")


def read_padding(operator: Operator) -> str:
    """SAME or VALID."""
    return PADDINGS[bool(operator.options.get("Padding", 0))]


def window_pads(
    operator: Operator, shape: tuple[int, ...], kernel: tuple[int, int], dilation: tuple[int, int]
) -> list[int]:
    """Padding [top, left, bottom, right] of a window over an NHWC input."""
    ends = [
        window_padding(
            read_padding(operator),
            shape[1 + i],
            window_extent(kernel[i], dilation[i]),
            read_strides(operator)[i],
        )
        for i in range(2)
    ]
    return [ends[0][0], ends[1][0], ends[0][1], ends[1][1]]


def read_strides(operator: Operator) -> tuple[int, int]:
    """Strides (h, w)."""
    stride = int(operator.options.get("StrideH", 0)), int(operator.options.get("StrideW", 0))
    if min(stride) < 1:
        raise UntranslatableError(f"it has the strides {list(stride)}")
    return stride


def _read_dilations(operator: Operator) -> tuple[int, int]:
    options = operator.options
    dilation = int(options.get("DilationHFactor", 1)), int(options.get("DilationWFactor", 1))
    if min(dilation) < 1:
        raise UntranslatableError(f"it has the dilations {list(dilation)}")
    return dilation


def _expect_weights(operator: Operator, to: Translation, index: int, rank: int) -> Array:
    weights = to.expect_constant(operator, index)
    if weights.ndim != rank or weights.dtype != np.float32:
        raise UntranslatableError(f"its weights are {weights.dtype} {list(weights.shape)}")
    return weights


def _add_bias(operator: Operator, to: Translation, index: int, outputs: int) -> list[str]:
    """The name of the bias; nothing where there is none."""
    if len(operator.inputs) <= index or operator.inputs[index] < 0:
        return []
    bias = to.expect_constant(operator, index)
    if bias.shape != (outputs,):
        raise UntranslatableError(f"its bias has the shape {list(bias.shape)}, not [{outputs}]")
    return [to.constant(to.tensor(operator.inputs[index]).name, bias.astype(np.float32))]


@translates("CONV_2D", "DEPTHWISE_CONV_2D")
def translate_convolution(operator: Operator, to: Translation) -> None:
    """Weights are [O, KH, KW, I / groups], or [1, KH, KW, O] of a depthwise convolution."""
    source = operator.inputs[0]
    weights = _expect_weights(operator, to, 1, 4)
    channels = to.shape(source)[3] if to.rank(source) == 4 else 0
    if operator.builtin == "DEPTHWISE_CONV_2D":
        weights = weights.transpose(3, 0, 1, 2)
        groups = channels
    else:
        weights = weights.transpose(0, 3, 1, 2)
        groups = channels // weights.shape[1]
    if not groups or channels != groups * weights.shape[1] or len(weights) % groups:
        raise UntranslatableError(
            f"its input {list(to.shape(source))} and its weights do not fit together"
        )
    kernel = weights.shape[2], weights.shape[3]
    dilation = _read_dilations(operator)
    inputs = [
        to.read(source, "first"),
        to.constant(to.tensor(operator.inputs[1]).name, weights),
        *_add_bias(operator, to, 2, len(weights)),
    ]
    to.result(
        operator,
        "Conv",
        inputs,
        "first",
        group=groups,
        kernel_shape=kernel,
        strides=read_strides(operator),
        dilations=dilation,
        pads=window_pads(operator, to.shape(source), kernel, dilation),
    )


@translates("TRANSPOSE_CONV")
def translate_transpose_convolution(operator: Operator, to: Translation) -> None:
    """Inputs are the output's shape, weights [O, KH, KW, I], the input, a bias.

    The padding is that of the convolution whose gradient this is.
    """
    source, output = operator.inputs[2], operator.outputs[0]
    weights = _expect_weights(operator, to, 1, 4)
    if to.rank(source) != 4 or to.rank(output) != 4 or weights.shape[3] != to.shape(source)[3]:
        raise UntranslatableError("its input and its weights do not fit together")
    stride, begins, ends, extra = read_strides(operator), [], [], []
    for i in range(2):
        size, wanted = to.shape(source)[1 + i], to.shape(output)[1 + i]
        surplus = (size - 1) * stride[i] + weights.shape[1 + i] - wanted
        begins.append(max(surplus, 0) // 2)
        ends.append(max(surplus, 0) - begins[i])
        extra.append(max(-surplus, 0))
        if extra[i] >= stride[i]:
            raise UntranslatableError(f"its output {list(to.shape(output))} is too large")
    inputs = [
        to.read(source, "first"),
        to.constant(to.tensor(operator.inputs[1]).name, weights.transpose(3, 0, 1, 2)),
        *_add_bias(operator, to, 3, len(weights)),
    ]
    to.result(
        operator,
        "ConvTranspose",
        inputs,
        "first",
        kernel_shape=weights.shape[1:3],
        strides=stride,
        pads=[*begins, *ends],
        output_padding=extra,
    )


@translates("FULLY_CONNECTED")
def translate_fully_connected(operator: Operator, to: Translation) -> None:
    """Weights are [O, I]; an input of more axes is flattened to [N, I] or keeps them."""
    source, output = operator.inputs[0], operator.outputs[0]
    weights = _expect_weights(operator, to, 1, 2)
    shape = to.shape(source)
    bias = _add_bias(operator, to, 2, len(weights))
    name = to.tensor(operator.inputs[1]).name
    if to.rank(output) > 2:
        if shape[-1] != weights.shape[1]:
            raise UntranslatableError(f"its input {list(shape)} does not fit its weights")
        inputs = [to.read(source, "last"), to.constant(name, weights.T)]
        if not bias:
            to.result(operator, "MatMul", inputs, "last")
            return
        product = to.node("MatMul", inputs, f"{to.tensor(output).name}/product")
        to.result(operator, "Add", [product, *bias], "last")
        return
    if len(shape) < 2 or int(np.prod(shape[1:])) != weights.shape[1]:
        raise UntranslatableError(f"its input {list(shape)} does not fit its weights")
    value = to.read(source, "last")
    if len(shape) > 2:
        value = to.reshape(value, (1, weights.shape[1]), f"{to.tensor(source).name}/flat")
    to.result(operator, "Gemm", [value, to.constant(name, weights), *bias], "last", transB=1)
