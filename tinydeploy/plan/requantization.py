"""When the requantization of the assembly kernels is exact for a convolution, and its constants.

For one channel, with x = round_half_up(acc * multiplier / 2^31) and s = -shift, the reference gives
(x + 2^(s-1) - (x < 0)) >> s, plus the zero point: the nearest integer, halves away from zero. The
kernels compute (x + addend - (acc < 0)) >> s with addend = 2^(s-1) + (offset << s). That is equal
for every s >= 1: a multiplier is not negative, so x < 0 only if acc < 0; and where acc < 0 but
x = 0, (2^(s-1) - 1) >> s is 0 as well. What remains to be shown is that nothing overflows.

Nets in use have channels whose result is the same for every input: dead ones, with weights of next
to nothing and biases that do not fit anything. `settle_channels` gives them constants that do.
"""

from __future__ import annotations

from dataclasses import replace
from typing import TypeVar

import numpy as np
from numpy.typing import NDArray

from tinydeploy.graph.convolution import Convolution
from tinydeploy.graph.fixed_point import (
    INT8_MAX,
    INT8_MIN,
    INT32_MAX,
    clamp,
    multiply_double_rounding,
)

_Convolution = TypeVar("_Convolution", bound=Convolution)


def settle_channels(op: _Convolution) -> _Convolution:
    """The same convolution with plain constants for channels whose result never varies.

    Results do not fall as the accumulator grows, so a channel is constant where both ends of its
    accumulator give the same. It gets weights of 0 and a small bias: with multiplier 2^30 and shift
    -1, a quarter of the bias is what comes before the zero point.
    """
    low, high = (
        clamp(
            multiply_double_rounding(end, op.multiplier, op.shift) + op.output_zero_point,
            op.low,
            op.high,
        )
        for end in _ends(op)
    )
    constant = low == high
    value = low.astype(np.int32) - op.output_zero_point
    axis = tuple(i for i in range(op.weights.ndim) if i != op.channel_axis)
    return replace(
        op,
        weights=np.where(np.expand_dims(constant, axis), np.int8(0), op.weights),
        bias=np.where(constant, 4 * value, op.bias).astype(np.int32),
        multiplier=np.where(constant, 1 << 30, op.multiplier).astype(np.int32),
        shift=np.where(constant, -1, op.shift).astype(np.int32),
    )


def sums_fit_doubled(op: Convolution) -> bool:
    """Whether twice the accumulator fits in an int32: |acc| < 2^30."""
    return bool((_magnitude(op) < 1 << 30).all())


def is_clamped(op: Convolution) -> bool:
    """Whether some bound of the output is not that of int8."""
    return bool((op.low != -128).any() or (op.high != 127).any())


def requantizes_exactly(op: Convolution, *, from_low: bool | None = None) -> bool:
    """Whether the kernels' requantization gives every result of the convolution.

    It does not where a real multiplier is one half or more (shift >= 0), where |acc| may reach
    2^30, or where x + addend may leave an int32.

    Args:
        op: A convolution that `settle_channels` has made.
        from_low: The offset is counted from the lower bound, not from 0; None: where it is clamped.
    """
    shift = op.shift.astype(np.int64)
    if not sums_fit_doubled(op) or (shift > -1).any():
        return False
    # |acc| < 2^30 and multiplier < 2^31: the product fits.
    largest = (_magnitude(op) * op.multiplier.astype(np.int64) >> 31) + 1
    from_low = is_clamped(op) if from_low is None else from_low
    lowest = op.low.astype(np.int64) if from_low else np.zeros_like(shift)
    # |offset| <= 255 and shift >= -31: within int64.
    addend = (2 * (op.output_zero_point - lowest) + 1) << (-shift - 1)
    return bool((np.abs(addend) + largest + 1 <= INT32_MAX).all())


def _ends(op: Convolution) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
    """The least and the greatest accumulator that a channel can end with."""
    weights = np.moveaxis(op.weights, op.channel_axis, 0).reshape(op.channels, -1)
    least, most = INT8_MIN - op.input_zero_point, INT8_MAX - op.input_zero_point
    positive = np.maximum(weights, 0).sum(axis=1, dtype=np.int64)
    negative = np.minimum(weights, 0).sum(axis=1, dtype=np.int64)
    bias = op.bias.astype(np.int64)
    return positive * least + negative * most + bias, positive * most + negative * least + bias


def _magnitude(op: Convolution) -> NDArray[np.int64]:
    """The largest |acc| of each channel."""
    low, high = _ends(op)
    return np.asarray(np.maximum(-low, high), np.int64)
