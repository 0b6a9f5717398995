"""Sums of two scaled bytes as two multiplications, an addition and a shift, proven by trying all.

    y = floor((floor(factors[0] * a / 2^8) + floor(factors[1] * b / 2^8) + addend) / 2^shift)

The reference scales both operands to a common scale, adds and requantizes, rounding four times. For
given factors each pair of bytes bounds the addend once from each side; the addends that do form an
interval. Where it is empty, factors close by may do.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from tinydeploy.graph.fixed_point import INT32_MAX, INT32_MIN, clamp, multiply_double_rounding
from tinydeploy.graph.scaled_sum import LEFT_SHIFT, ScaledSum

SHIFTS = (22, 20, 18)
"""Core loops exist for these; a larger one is finer, and leaves less room for large factors."""

_FRACTION = 8
_FREE = np.int64(1) << 62
_TILTS = (0, 1, 2, 4, 8, -1, -2, 16, -4, 32, -8, 64, 128, -16, 256, -32, 512, 1024)  # times 2^-24
_SKEWS = (-96, -64, -32, 32, 64, 96)


@dataclass(frozen=True)
class LinearSum:
    """The numbers of the formula above, and the bounds that remain to be applied to its result.

    Args:
        factors: int32, one per operand.
        addend: int32.
        shift: One of SHIFTS.
        low: Lower bound of the output.
        high: Upper bound of the output.
    """

    factors: tuple[int, int]
    addend: int
    shift: int
    low: int
    high: int


def fit_linear_sum(op: ScaledSum) -> LinearSum | None:
    """Finds the numbers for which all outputs are those of the reference; None if it finds none."""
    scaled = [op.scaled_operand(which).astype(np.int64) for which in (0, 1)]
    total = multiply_double_rounding(
        scaled[0][:, None] + scaled[1][None, :], op.output_multiplier, op.output_shift
    )
    outputs = clamp(total + op.output_zero_point, op.low, op.high).astype(np.int64)
    to_output = np.ldexp(float(op.output_multiplier), op.output_shift - 31 + LEFT_SHIFT)
    reals = [
        sign * float(np.ldexp(float(multiplier), shift - 31)) * to_output
        for sign, multiplier, shift in zip(op.signs, op.multipliers, op.shifts, strict=True)
    ]
    for shift in SHIFTS:
        for factors in _close_factors(reals, shift):
            addend = _find_addend(outputs, factors, shift, op.low, op.high)
            if addend is not None:
                return LinearSum(factors, addend, shift, op.low, op.high)
    return None


def _close_factors(reals: list[float], shift: int) -> Iterator[tuple[int, int]]:
    """Factors to try: both larger or smaller alike, which meets halves, then each by itself."""
    unit = 2.0 ** (shift + _FRACTION)
    if max(abs(real) for real in reals) * unit * 1.001 > INT32_MAX:
        return
    one, two = (round(real * unit) for real in reals)
    for tilt in _TILTS:
        yield round(one * (1 + tilt * 2.0**-24)), round(two * (1 + tilt * 2.0**-24))
    for skew_one in _SKEWS:
        for skew_two in _SKEWS:
            yield one + skew_one, two + skew_two


def _find_addend(
    outputs: NDArray[np.int64], factors: tuple[int, int], shift: int, low: int, high: int
) -> int | None:
    values = np.arange(-128, 128, dtype=np.int64)
    terms = [(factor * values) >> _FRACTION for factor in factors]
    sums = terms[0][:, None] + terms[1][None, :]
    # Where the output is a bound it may be missed on the far side: it is bounded once more.
    least = np.where(outputs > low, (outputs << shift) - sums, -_FREE).max()
    most = np.where(outputs < high, ((outputs + 1) << shift) - sums, _FREE).min() - 1
    if least > most:
        return None
    if least == -_FREE or most == _FREE - 1:
        return None  # nearly all outputs are one bound: not worth a thought
    addend = (int(least) + int(most)) // 2
    fits = (
        INT32_MIN <= addend <= INT32_MAX
        and int(sums.min()) + addend >= INT32_MIN
        and int(sums.max()) + addend <= INT32_MAX
    )
    return addend if fits else None
