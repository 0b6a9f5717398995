"""int8 weights with a scale per output channel, and the biases that go with them."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from tinydeploy.errors import InternalError
from tinydeploy.quantize.activations import Parameters
from tinydeploy.quantize.network import Array, Conv

# The accumulator's unit is at least 2^-20 of the output's: weights too small for that change an
# output of K summands by at most K * 128 * 2^-21 units, 1/32 at K = 512. So a dead channel's
# requantization shifts by a sane amount, and its bias of up to 2^11 output units fits.
_LEAST_UNIT = 2.0**-20

# Bound of a bias in accumulator units when scales are chosen, by the type of the input: 8 times
# less than an int32 holds, or than leaves 64-bit sums below 2^47, as correcting it may enlarge it.
_BIAS_LIMITS = {"int8": 2.0**28, "int16": 2.0**42}


@dataclass(frozen=True, eq=False)
class QuantizedConv:
    """A convolution's integers.

    Args:
        weights: int8 [O, KH, KW, I / groups], in [-127, 127].
        scales: float32 numbers [O].
        bias: int32 [O], int64 behind an int16 input, in units of the input's scale times `scales`.
    """

    weights: NDArray[np.int8]
    scales: Array
    bias: NDArray[np.int32] | NDArray[np.int64]


def choose_weight_scales(conv: Conv, source: Parameters, target: Parameters) -> Array:
    """A scale per output channel: the least that reaches its largest weight, within bounds.

    A channel of zero weights with a bias, as dead channels leave behind, gets a scale in whose
    units the bias fits.
    """
    largest = np.abs(conv.weights).max(axis=(1, 2, 3)) / 127
    unit = np.full(len(largest), target.scale * _LEAST_UNIT)
    unit = np.maximum(unit, np.abs(conv.bias) / _BIAS_LIMITS[source.dtype])
    scales = np.maximum(largest, unit / source.scale).astype(np.float32)
    return np.asarray(scales, np.float64)


def round_to_nearest(weights: Array, scales: Array) -> NDArray[np.int8]:
    """The nearest integers, in [-127, 127]."""
    q = np.rint(weights / scales[:, None, None, None])
    return np.clip(q, -127, 127).astype(np.int8)


def quantize_nearest(conv: Conv, source: Parameters, target: Parameters) -> QuantizedConv:
    """The nearest integers for everything."""
    scales = choose_weight_scales(conv, source, target)
    weights = round_to_nearest(conv.weights, scales)
    return QuantizedConv(weights, scales, round_bias(conv.bias, scales, source))


def dequantize_weights(weights: NDArray[np.int8], scales: Array) -> Array:
    """The real numbers that integer weights stand for."""
    return weights * scales[:, None, None, None]


def round_bias(
    bias: Array, scales: Array, source: Parameters
) -> NDArray[np.int32] | NDArray[np.int64]:
    """The bias in accumulator units.

    Raises:
        InternalError: It does not fit; choose_weight_scales prevents that.
    """
    q = np.rint(bias / (scales * source.scale))
    if np.abs(q).max() >= 8 * _BIAS_LIMITS[source.dtype]:
        raise InternalError("a bias does not fit its integer")
    return q.astype(np.int32) if source.dtype == "int8" else q.astype(np.int64)
