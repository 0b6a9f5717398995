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
from tinydeploy.graph.ops.add import Add
from tinydeploy.graph.ops.fully_connected import FullyConnected

Float32 = NDArray[np.float32]


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


def sum_affine(graph: Graph, op: Add) -> Affine:
    """Of two elements: first * scale[0] + second * scale[1] + offset."""
    result_scale, result_zero = graph.tensors[op.outputs[0]].affine
    pairs = [graph.tensors[source].affine for source in op.inputs]
    ratios = [scale / result_scale for scale, _ in pairs]
    shift = sum(zero * ratio for (_, zero), ratio in zip(pairs, ratios, strict=True))
    return _make(ratios, result_zero - shift, op.low, op.high)
