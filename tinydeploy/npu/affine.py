"""The numbers of TinyNPU's arithmetic, derived from a graph's scales: the definition.

Whatever an op sums up, an integer or two of them, becomes int8 by a float32 affine:

    result = clamp(rne(float32(sum) * scale + offset), low, high)

with every operation rounded to binary32, to nearest even, in this order; rne is that rounding to an
integer. Scales and offsets are computed here in binary64 and rounded to binary32 once.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from tinydeploy.graph.convolution import Convolution
from tinydeploy.graph.graph import Graph
from tinydeploy.graph.ops.fully_connected import FullyConnected
from tinydeploy.graph.ops.lookup import Lookup
from tinydeploy.graph.ops.maximum import Maximum
from tinydeploy.graph.ops.minimum import Minimum
from tinydeploy.graph.ops.mul import Mul
from tinydeploy.graph.scaled_sum import LEFT_SHIFT, ScaledSum

Float32 = NDArray[np.float32]

_BOUNDED = ("QUANTIZE", "RELU", "RELU6", "RELU_N1_TO_1", "RELU_0_TO_1")


@dataclass(frozen=True, eq=False)
class Affine:
    """A float32 affine with bounds, one value each or one per channel.

    Args:
        scale: float32; of an ADD [2], one for each source.
        offset: float32.
        low: int8, least result.
        high: int8, greatest result.
    """

    scale: Float32
    offset: Float32
    low: NDArray[np.int8]
    high: NDArray[np.int8]


def _make(scale: Any, offset: Any, low: Any, high: Any) -> Affine:
    return Affine(
        np.asarray(scale, np.float32),
        np.asarray(offset, np.float32),
        np.asarray(low, np.int8),
        np.asarray(high, np.int8),
    )


def convolution_affine(op: Convolution | FullyConnected) -> Affine:
    """Of sum(weight * (input - input zero point)), by channel; the bias is in the offset."""
    if isinstance(op, FullyConnected):
        scale = op.scale
    else:
        scale = op.multiplier * 2.0 ** (op.shift.astype(np.float64) - 31)
    return _make(scale, op.bias * scale + op.output_zero_point, op.low, op.high)


def mean_affine(graph: Graph, source: int, result: int, low: int = -128, high: int = 127) -> Affine:
    """Of the sum of a channel's elements, zero point and all."""
    scale, zero = graph.tensors[source].affine
    result_scale, result_zero = graph.tensors[result].affine
    height, width, _ = graph.tensors[source].rows
    ratio = scale / result_scale
    return _make(ratio / (height * width), result_zero - zero * ratio, low, high)


def sum_affine(graph: Graph, op: ScaledSum) -> Affine:
    """Of two elements: first * scale[0] + second * scale[1] + offset; of a SUB one is negative."""
    result_scale, result_zero = graph.tensors[op.outputs[0]].affine
    pairs = [graph.tensors[source].affine for source in op.inputs]
    ratios = [sign * scale / result_scale for sign, (scale, _) in zip(op.signs, pairs, strict=True)]
    shift = sum(zero * ratio for (_, zero), ratio in zip(pairs, ratios, strict=True))
    return _make(ratios, result_zero - shift, op.low, op.high)


def element_affine(graph: Graph, op: ScaledSum | Mul | Maximum | Minimum | Lookup) -> Affine | None:
    """Of the element itself, by channel; None where the op is no such affine.

    It is one with a constant for each channel; of tables those of QUANTIZE and RELU's family are.
    """
    channels = graph.tensors[op.outputs[0]].rows[2]
    if isinstance(op, Lookup):
        return _table_affine(graph, op, channels)
    if op.constant is None or op.constant.shape != (channels,):
        return None
    constant = op.constant.astype(np.float64)
    if isinstance(op, Mul):
        scale = (constant - op.zero_points[1]) * op.multiplier * 2.0 ** (op.shift - 31)
        offset = op.output_zero_point - op.zero_points[0] * scale
        return _spread(channels, scale, offset, op.low, op.high)
    if isinstance(op, ScaledSum):
        common = op.output_multiplier * 2.0 ** (op.output_shift - 31 + LEFT_SHIFT)
        ratio, other = (
            sign * multiplier * 2.0 ** (shift - 31) * common
            for sign, multiplier, shift in zip(op.signs, op.multipliers, op.shifts, strict=True)
        )
        added = (constant - op.zero_points[1]) * other
        offset = op.output_zero_point - op.zero_points[0] * ratio + added
        return _spread(channels, ratio, offset, op.low, op.high)
    low, high = (op.constant, 127) if isinstance(op, Maximum) else (-128, op.constant)
    return _spread(channels, 1.0, 0.0, low, high)


def _table_affine(graph: Graph, op: Lookup, channels: int) -> Affine | None:
    if op.function not in _BOUNDED:
        return None
    scale, zero = graph.tensors[op.inputs[0]].affine
    result_scale, result_zero = graph.tensors[op.outputs[0]].affine
    ratio = scale / result_scale
    offset = result_zero - zero * ratio
    low, high = op.table[0], op.table[-1]  # it rises
    line = np.clip(np.rint(np.arange(-128, 128) * ratio + offset), low, high)
    if np.abs(line - op.table).max() > 1:  # a QUANTIZE behind something in float
        return None
    return _spread(channels, ratio, offset, low, high)


def _spread(channels: int, *numbers: Any) -> Affine:
    return _make(*(np.broadcast_to(np.asarray(number), (channels,)) for number in numbers))
