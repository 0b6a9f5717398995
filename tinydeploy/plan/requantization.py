"""When the requantization of the assembly kernels is exact for a convolution, and its constants.

For one channel, with x = round_half_up(acc * multiplier / 2^31) and s = -shift, the reference gives
(x + 2^(s-1) - (x < 0)) >> s, plus the zero point: the nearest integer, halves away from zero. The
kernels compute (x + addend - (acc < 0)) >> s with addend = 2^(s-1) + (offset << s). That is equal
for every s >= 1: a multiplier is not negative, so x < 0 only if acc < 0; and where acc < 0 but
x = 0, (2^(s-1) - 1) >> s is 0 as well. What remains to be shown is that nothing overflows.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from tinydeploy.graph.accumulator import accumulator_bounds
from tinydeploy.graph.convolution import Convolution
from tinydeploy.graph.fixed_point import INT32_MAX

_MAX_SHIFT = 31


@dataclass(frozen=True, eq=False)
class Requantization:
    """Multipliers and shifts that give the same results as a convolution's own.

    Args:
        multiplier: int32 [C], in [0, 2^31).
        shift: int32 [C], in [-31, -1].
        clamped: Whether some bound of the output is not that of int8.
    """

    multiplier: NDArray[np.int32]
    shift: NDArray[np.int32]
    clamped: bool


def sums_fit_doubled(op: Convolution) -> bool:
    """Whether twice the accumulator fits in an int32: |acc| < 2^30."""
    return bool((_magnitude(op) < 1 << 30).all())


def is_clamped(op: Convolution) -> bool:
    """Whether some bound of the output is not that of int8."""
    return bool((op.low != -128).any() or (op.high != 127).any())


def exact_requantization(op: Convolution) -> Requantization | None:
    """The constants with which the kernels requantize exactly, or None where they cannot.

    They cannot where a real multiplier is one half or more (shift >= 0), where |acc| may reach
    2^30, or where x + addend may leave an int32. A channel whose every result is the zero point
    gets the multiplier 0, so that its shift, whatever it was, does no harm.
    """
    if not sums_fit_doubled(op):
        return None
    magnitude = _magnitude(op)
    multiplier, shift = op.multiplier.astype(np.int64), op.shift.astype(np.int64)
    # |x| <= (magnitude * multiplier >> 31) + 1; where that is below 2^(s-1), results round to 0.
    # magnitude < 2^30 and multiplier < 2^31: the product fits.
    largest = (magnitude * multiplier >> 31) + 1
    half = np.int64(1) << (np.clip(-shift, 1, _MAX_SHIFT) - 1)
    constant = (multiplier == 0) | ((shift < 0) & (largest < half))
    multiplier = np.where(constant, 0, multiplier)
    shift = np.where(constant, -1, shift)
    largest = np.where(constant, 0, largest)
    if (shift > -1).any() or (shift < -_MAX_SHIFT).any():
        return None
    clamped = is_clamped(op)
    lowest = op.low.astype(np.int64) if clamped else np.zeros_like(shift)
    offset = op.output_zero_point - lowest
    addend = (2 * offset + 1) << (-shift - 1)  # |2 * offset + 1| < 2^10, shift >= -31: no overflow
    if (np.abs(addend) + largest + 1 > INT32_MAX).any():
        return None
    return Requantization(multiplier.astype(np.int32), shift.astype(np.int32), clamped)


def _magnitude(op: Convolution) -> NDArray[np.int64]:
    """The largest |acc| of each channel."""
    weights = np.moveaxis(op.weights, op.channel_axis, 0).reshape(op.channels, -1)
    low, high = accumulator_bounds(weights, op.bias, op.input_zero_point)
    return np.asarray(np.maximum(-low, high), np.int64)
