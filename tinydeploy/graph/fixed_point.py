"""Fixed-point arithmetic of TFLite's reference kernels: the one definition of rounding, in Python.

Real multipliers are kept as `multiplier * 2^(shift - 31)`: a 31-bit significand and a shift. Two
ways of multiplying an int32 accumulator by one exist, and every op says which it uses:

* double rounding (convolutions, ADD, MUL, MEAN, tables): gemmlowp's saturating rounding doubling
  high multiply, then a rounding right shift;
* single rounding (FULLY_CONNECTED): one 64-bit product, one rounding shift.

Sources: TFLite's kernels/internal/quantization_util.cc, kernels/internal/common.cc,
kernels/kernel_util.cc and gemmlowp's fixedpoint/fixedpoint.h. The functions on arrays compute in
int64, where none of their steps overflows; each comment bounds the value that the C twin holds in
32 bits.
"""

from __future__ import annotations

import math
from typing import Final

import numpy as np
from numpy.typing import ArrayLike, NDArray

from tinydeploy.errors import InternalError

INT8_MIN: Final = -128
INT8_MAX: Final = 127
INT16_MIN: Final = -(2**15)
INT16_MAX: Final = 2**15 - 1
INT32_MIN: Final = -(2**31)
INT32_MAX: Final = 2**31 - 1
MIN_SHIFT: Final = -31
MAX_SHIFT: Final = 30


def round_away(value: float) -> int:
    """Rounds to the nearest integer, ties away from zero, as C's round()."""
    # floor(|v| + 0.5) would be wrong where |v| + 0.5 rounds up to the next integer; modf is exact.
    fraction, whole = math.modf(abs(value))
    magnitude = int(whole) + (1 if fraction >= 0.5 else 0)
    return magnitude if value >= 0 else -magnitude


def round_array(values: ArrayLike) -> NDArray[np.int64]:
    """`round_away` of every element; magnitudes below 2^62."""
    values = np.asarray(values, np.float64)
    fraction, whole = np.modf(np.abs(values))
    return np.asarray(np.copysign(whole + (fraction >= 0.5), values), np.int64)


def quantize_multiplier(real: float) -> tuple[int, int]:
    """Splits a real multiplier into a significand and a shift, as TFLite's QuantizeMultiplier.

    Args:
        real: Finite, at least 0.

    Returns:
        (multiplier, shift) with real ~ multiplier * 2^(shift - 31); multiplier in [2^30, 2^31), or
        (0, 0) where real is 0 or below 2^-32 (every product would round to 0).
    """
    if not (math.isfinite(real) and real >= 0):
        raise InternalError(f"a requantization multiplier is {real}")
    if real == 0:
        return 0, 0
    significand, shift = math.frexp(real)
    # significand in [0.5, 1): the product is exact in a double (a shift of the exponent), the
    # result in [2^30, 2^31].
    multiplier = round_away(significand * 2.0**31)
    if multiplier == 2**31:
        multiplier, shift = 2**30, shift + 1
    if shift < MIN_SHIFT:
        return 0, 0
    return multiplier, shift


def quantize_multipliers(reals: ArrayLike) -> tuple[NDArray[np.int32], NDArray[np.int32]]:
    """`quantize_multiplier` of every element; returns arrays of significands and shifts."""
    reals = np.asarray(reals, np.float64)
    if not (np.isfinite(reals) & (reals >= 0)).all():
        raise InternalError("a requantization multiplier is negative or not finite")
    significand, shift = np.frexp(reals)
    multiplier = round_array(significand * 2.0**31)
    carried = multiplier == 2**31
    multiplier, shift = np.where(carried, 2**30, multiplier), shift + carried
    flushed = (multiplier == 0) | (shift < MIN_SHIFT)
    return (
        np.where(flushed, 0, multiplier).astype(np.int32),
        np.where(flushed, 0, shift).astype(np.int32),
    )


def saturating_rounding_doubling_high_mul(a: ArrayLike, b: ArrayLike) -> NDArray[np.int64]:
    """The product of two Q0.31 numbers, rounded, ties towards plus infinity, saturated."""
    # |a|, |b| <= 2^31, so |a * b| <= 2^62 and the nudge cannot overflow int64.
    product = np.asarray(a, np.int64) * np.asarray(b, np.int64)
    nudge = np.where(product >= 0, 1 << 30, 1 - (1 << 30))
    nudged = product + nudge
    # C's division truncates towards zero.
    quotient = np.where(nudged >= 0, nudged >> 31, -((-nudged) >> 31))
    return np.minimum(quotient, INT32_MAX)  # only a == b == -2^31 reaches 2^31


def rounding_divide_by_pot(x: ArrayLike, exponent: ArrayLike) -> NDArray[np.int64]:
    """round(x / 2^exponent), ties away from zero; exponent in [0, 31]."""
    x = np.asarray(x, np.int64)
    exponent = np.asarray(exponent, np.int64)
    mask = (np.int64(1) << exponent) - 1
    threshold = (mask >> 1) + (x < 0)
    return np.asarray((x >> exponent) + ((x & mask) > threshold), np.int64)


def multiply_double_rounding(
    x: ArrayLike, multiplier: ArrayLike, shift: ArrayLike
) -> NDArray[np.int64]:
    """Product x * multiplier * 2^(shift - 31), rounded twice (MultiplyByQuantizedMultiplier).

    The caller proves that x * 2^max(shift, 0) fits in an int32, as the C twin computes it there.
    """
    shift = np.asarray(shift, np.int64)
    shifted = np.asarray(x, np.int64) << np.maximum(shift, 0)
    high = saturating_rounding_doubling_high_mul(shifted, multiplier)
    return rounding_divide_by_pot(high, np.maximum(-shift, 0))


def multiply_single_rounding(
    x: ArrayLike, multiplier: ArrayLike, shift: ArrayLike
) -> NDArray[np.int64]:
    """Product x * multiplier * 2^(shift - 31), rounded once, ties towards plus infinity.

    |x| < 2^31 and multiplier < 2^31 give |product| < 2^62; half is at most 2^61 (shift >= -31): no
    overflow.
    """
    total = 31 - np.asarray(shift, np.int64)
    product = np.asarray(x, np.int64) * np.asarray(multiplier, np.int64)
    return np.asarray((product + (np.int64(1) << (total - 1))) >> total, np.int64)


def clamp(x: ArrayLike, low: ArrayLike, high: ArrayLike) -> NDArray[np.int8]:
    """Bounds x to [low, high], both within int8."""
    return np.asarray(np.minimum(np.maximum(np.asarray(x), low), high), np.int8)


def quantize_value(value: float, scale: float, zero_point: int) -> int:
    """The unbounded quantized value of a real one, in float32 arithmetic as TFLite's Quantize."""
    with np.errstate(over="ignore"):
        quotient = float(np.float32(value) / np.float32(scale))
    if not abs(quotient) < 2.0**31:
        return INT32_MAX if quotient > 0 else INT32_MIN
    return zero_point + round_away(quotient)


def near_power_of_two(value: float) -> int | None:
    """The exponent of a power of 2 that a value is within 0.1 % of in its logarithm, else None.

    Source: TFLite's CheckedLog2.
    """
    logarithm = np.float32(np.log(np.float32(value))) * np.float32(1 / np.log(np.float32(2)))
    nearest = round_away(float(logarithm))
    return nearest if abs(float(logarithm) - nearest) < 1e-3 else None


_ACTIVATION_BOUNDS: Final = {
    "NONE": (None, None),
    "RELU": (0.0, None),
    "RELU6": (0.0, 6.0),
    "RELU_N1_TO_1": (-1.0, 1.0),
}
ACTIVATIONS: Final = tuple(_ACTIVATION_BOUNDS)


def activation_bounds(
    activation: str, scale: float, zero_point: int, dtype: str = "int8"
) -> tuple[int, int]:
    """Bounds of the quantized output that a fused activation function leaves.

    Args:
        activation: One of `ACTIVATIONS`.
        scale: Scale of the output.
        zero_point: Zero point of the output.
        dtype: Of the output: int8 or int16.

    Returns:
        (low, high) within the type, with low <= zero_point <= high.
    """
    least, most = (INT8_MIN, INT8_MAX) if dtype == "int8" else (INT16_MIN, INT16_MAX)
    bottom, top = _ACTIVATION_BOUNDS[activation]
    low = least if bottom is None else max(least, quantize_value(bottom, scale, zero_point))
    high = most if top is None else min(most, quantize_value(top, scale, zero_point))
    return low, high


def multiply_reduced(x: ArrayLike, multiplier: ArrayLike, shift: ArrayLike) -> NDArray[np.int64]:
    """The product of a 64-bit accumulator and a multiplier, rounded once, ties up.

    Source: TFLite's MultiplyByQuantizedMultiplier for int64, which keeps 15 bits of the multiplier.

    Args:
        x: |x| < 2^47.
        multiplier: As `reduce_multipliers` gives it, in [0, 2^15).
        shift: To the right, in [8, 46]: the sum stays below 2^63.
    """
    shift = np.asarray(shift, np.int64)
    product = np.asarray(x, np.int64) * np.asarray(multiplier, np.int64)
    return np.asarray((product + (np.int64(1) << (shift - 1))) >> shift, np.int64)


def reduce_multipliers(reals: ArrayLike) -> tuple[NDArray[np.int32], NDArray[np.int32]]:
    """Splits real multipliers below 2^7 into the arguments of `multiply_reduced`."""
    multiplier, shift = quantize_multipliers(reals)
    wide = multiplier.astype(np.int64)
    reduced = np.where(wide < 0x7FFF0000, (wide + (1 << 15)) >> 16, 0x7FFF)
    return reduced.astype(np.int32), (15 - shift).astype(np.int32)
