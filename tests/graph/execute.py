"""Executes a graph in numpy, op by op, straight from the formulas in the docstrings of the ops.

Slow and plain on purpose: it is what the attributes of the ops are compared with the reference by.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from tinydeploy.graph.convolution import Convolution
from tinydeploy.graph.fixed_point import (
    clamp,
    multiply_double_rounding,
    round_array,
    rounding_divide_by_pot,
    saturating_rounding_doubling_high_mul,
)
from tinydeploy.graph.graph import Graph
from tinydeploy.graph.op import Op
from tinydeploy.graph.ops import (
    Add,
    AveragePool2D,
    Concatenation,
    Conv2D,
    DepthwiseConv2D,
    FullyConnected,
    Lookup,
    Maximum,
    MaxPool2D,
    Mean,
    Minimum,
    Mul,
    Pad,
    Reshape,
    Softmax,
    Sub,
)
from tinydeploy.graph.pooling import Pooling
from tinydeploy.graph.scaled_sum import LEFT_SHIFT, ScaledSum
from tinydeploy.graph.window import window_outputs

Rows = NDArray[Any]  # [h, w, c]


def execute_graph(graph: Graph, inputs: Sequence[NDArray[np.int8]]) -> dict[int, NDArray[np.int8]]:
    """Every stored tensor by its id, in the tensor's own shape."""
    values = {t: np.asarray(x) for t, x in zip(graph.inputs, inputs, strict=True)}
    for op in graph.ops:
        operands = [values[t].reshape(graph.tensors[t].rows) for t in op.inputs]
        (out,) = op.outputs
        result = _EXECUTORS[type(op)](op, *operands)
        assert result.dtype == np.int8
        values[out] = result.reshape(graph.tensors[out].shape)
    return values


def _windows(x: Rows, kernel, stride, dilation, padding, fill) -> NDArray[Any]:
    """[out h, out w, kernel h, kernel w, c]."""
    top, left, bottom, right = padding
    padded = np.full(
        (x.shape[0] + top + bottom, x.shape[1] + left + right, x.shape[2]), fill, np.int64
    )
    padded[top : top + x.shape[0], left : left + x.shape[1]] = x
    extent = [(k - 1) * d + 1 for k, d in zip(kernel, dilation, strict=True)]
    out = [window_outputs(padded.shape[i], 0, 0, extent[i], stride[i]) for i in (0, 1)]
    rows = np.arange(out[0])[:, None] * stride[0] + np.arange(kernel[0]) * dilation[0]
    columns = np.arange(out[1])[:, None] * stride[1] + np.arange(kernel[1]) * dilation[1]
    return padded[rows[:, None, :, None], columns[None, :, None, :]]


def _convolve(op: Convolution, accumulators: NDArray[Any]) -> Rows:
    scaled = multiply_double_rounding(accumulators + op.bias, op.multiplier, op.shift)
    rows = clamp(scaled + op.output_zero_point, op.low, op.high)
    return rows if op.pool is None else _max_pool(op.pool, rows)


def _conv(op: Conv2D, x: Rows) -> Rows:
    windows = (
        _windows(x, op.kernel, op.stride, op.dilation, op.padding, op.input_zero_point)
        - op.input_zero_point
    )
    return _convolve(op, np.einsum("hwijc,oijc->hwo", windows, op.weights.astype(np.int64)))


def _depthwise(op: DepthwiseConv2D, x: Rows) -> Rows:
    windows = (
        _windows(x, op.kernel, op.stride, op.dilation, op.padding, op.input_zero_point)
        - op.input_zero_point
    )
    windows = np.repeat(windows, op.depth_multiplier, axis=4)
    return _convolve(op, np.einsum("hwijc,ijc->hwc", windows, op.weights[0].astype(np.int64)))


def _fully_connected(op: FullyConnected, x: Rows) -> Rows:
    vectors = x.reshape(-1, op.depth).astype(np.int64) - op.input_zero_point
    accumulators = vectors @ op.weights.astype(np.int64).T + op.bias
    rounded = round_array(accumulators.astype(np.float64) * op.scale)
    return clamp(rounded + op.output_zero_point, op.low, op.high)


def _operands(op, x: Rows, other: Rows | None) -> tuple[NDArray[Any], NDArray[Any]]:
    y = op.constant if other is None else other
    return x.astype(np.int64), np.broadcast_to(y, x.shape).astype(np.int64)


def _scaled_sum(op: ScaledSum, x: Rows, other: Rows | None = None) -> Rows:
    total = np.zeros(x.shape, np.int64)
    for which, operand in enumerate(_operands(op, x, other)):
        scaled = op.signs[which] * multiply_double_rounding(
            (operand - op.zero_points[which]) << LEFT_SHIFT, op.multipliers[which], op.shifts[which]
        )
        assert np.array_equal(scaled, op.scaled_operand(which)[operand + 128])
        total += scaled
    result = multiply_double_rounding(total, op.output_multiplier, op.output_shift)
    return clamp(result + op.output_zero_point, op.low, op.high)


def _mul(op: Mul, x: Rows, other: Rows | None = None) -> Rows:
    a, b = _operands(op, x, other)
    product = (a - op.zero_points[0]) * (b - op.zero_points[1])
    result = multiply_double_rounding(product, op.multiplier, op.shift)
    return clamp(result + op.output_zero_point, op.low, op.high)


def _maximum(op: Maximum, x: Rows, other: Rows | None = None) -> Rows:
    return np.maximum(*_operands(op, x, other)).astype(np.int8)


def _minimum(op: Minimum, x: Rows, other: Rows | None = None) -> Rows:
    return np.minimum(*_operands(op, x, other)).astype(np.int8)


def _max_pool(op: Pooling, x: Rows) -> Rows:
    windows = _windows(x, op.kernel, op.stride, (1, 1), op.padding, -128)
    return clamp(windows.max(axis=(2, 3)), op.low, op.high)


def _average_pool(op: AveragePool2D, x: Rows) -> Rows:
    total = _windows(x, op.kernel, op.stride, (1, 1), op.padding, 0).sum(axis=(2, 3))
    count = _windows(np.ones_like(x), op.kernel, op.stride, (1, 1), op.padding, 0).sum(axis=(2, 3))
    half = count // 2
    rounded = np.where(total > 0, (total + half) // count, -((half - total) // count))
    return clamp(rounded, op.low, op.high)


def _mean(op: Mean, x: Rows) -> Rows:
    total = x.astype(np.int64).sum(axis=(0, 1)) - op.count * op.input_zero_point
    result = multiply_double_rounding(total, op.multiplier, op.shift)
    return clamp(result + op.output_zero_point, -128, 127)


def _pad(op: Pad, x: Rows) -> Rows:
    top, left, bottom, right = op.padding
    return np.pad(x, ((top, bottom), (left, right), op.channel_padding), constant_values=op.value)


def _reshape(op: Reshape, x: Rows) -> Rows:
    return x


def _lookup(op: Lookup, x: Rows) -> Rows:
    return op.table[x.astype(np.int64) + 128]


def _concatenate(op: Concatenation, *inputs: Rows) -> Rows:
    return np.concatenate(inputs, axis=op.axis)


def _softmax(op: Softmax, x: Rows) -> Rows:
    vectors = x.reshape(-1, op.depth).astype(np.int64)
    exponentials = op.exponentials.astype(np.int64)[vectors.max(axis=1, keepdims=True) - vectors]
    total = rounding_divide_by_pot(exponentials, 12).sum(axis=1, keepdims=True)
    headroom = 32 - np.array([[int(t).bit_length()] for t in total.ravel()])
    scale = _one_over_one_plus_x((total << headroom) - (1 << 31))
    product = saturating_rounding_doubling_high_mul(scale, exponentials)
    rounded = rounding_divide_by_pot(product, np.minimum(35 - headroom, 31))
    return clamp(np.where(headroom < 4, 0, rounded) - 128, -128, 127)


def _one_over_one_plus_x(x: NDArray[np.int64]) -> NDArray[np.int64]:
    """1 / (1 + x) for x in [0, 1), both Q0.31: Newton's method on the half denominator."""
    multiply = saturating_rounding_doubling_high_mul
    half_denominator = (x + (2**31 - 1) + 1) >> 1
    estimate = 1515870810 + multiply(half_denominator, -1010580540)  # 48/17 - 32/17 d, Q2.29
    for _ in range(3):
        error = (1 << 29) - multiply(half_denominator, estimate)
        step = multiply(estimate, error) << 2
        estimate = estimate + step
    return np.minimum(estimate << 1, 2**31 - 1)


_EXECUTORS: Mapping[type[Op], Callable[..., Rows]] = {
    Add: _scaled_sum,
    AveragePool2D: _average_pool,
    Concatenation: _concatenate,
    Conv2D: _conv,
    DepthwiseConv2D: _depthwise,
    FullyConnected: _fully_connected,
    Lookup: _lookup,
    MaxPool2D: _max_pool,
    Maximum: _maximum,
    Mean: _mean,
    Minimum: _minimum,
    Mul: _mul,
    Pad: _pad,
    Reshape: _reshape,
    Softmax: _softmax,
    Sub: _scaled_sum,
}
