"""Requantization as one multiplication, an addition and a shift, proven by trying every input.

    y = clamp(floor((factor * x * 2^left + addend) / 2^(32 + right)), low, high)

The reference rounds twice. Its outputs bound the addend once from each side for every input; the
addends that do form an interval. Where it is empty, as halves go away from zero on both sides of
it, a factor a little larger or smaller may do.
"""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np

from tinydeploy.graph.fixed_point import multiply_double_rounding
from tinydeploy.graph.ops.requantize import Requantize

# Outputs of up to 16 bits, times 2^(32 + 14), are below 2^62.
_MOST_SHIFT = 14
_MOST_FACTOR = (1 << 31) - 1
_TILTS = (0, *(sign * 2.0**-bits for bits in (28, 26, 24, 22, 20, 18, 17, 16) for sign in (1, -1)))
_FREE = np.int64(1) << 62


@dataclass(frozen=True)
class LinearRequantization:
    """The numbers of the formula above.

    Args:
        factor: At most 2^31 - 1.
        addend: Below 2^62.
        left: 0 to 15; 0 where `right` is not.
        right: 0 to 14.
    """

    factor: int
    addend: int
    left: int
    right: int


def fit_requantization(op: Requantize, dtype: str) -> LinearRequantization | None:
    """Finds the numbers for which all outputs are those of the reference; None if it finds none.

    Args:
        op: The op.
        dtype: Type of its input, "int8" or "int16".
    """
    limits = np.iinfo(dtype)
    inputs = np.arange(limits.min, limits.max + 1, dtype=np.int64)
    outputs = multiply_double_rounding(inputs - op.input_zero_point, op.multiplier, op.shift)
    outputs = np.clip(outputs + op.output_zero_point, op.low, op.high)
    real = math.ldexp(op.multiplier, op.shift - 31)
    if real == 0:
        return None
    room = math.floor(math.log2(_MOST_FACTOR / (1.001 * real))) - 32  # doublings, or halvings
    left, right = max(-room, 0), min(max(room, 0), _MOST_SHIFT)
    unit, shifted = 32 + right, inputs << left
    for tilt in _TILTS:
        factor = round(math.ldexp(real, unit - left) * (1 + tilt))
        # Where the output is a bound it may be missed on the far side.
        least = np.where(outputs > op.low, (outputs << unit) - factor * shifted, -_FREE).max()
        most = np.where(outputs < op.high, ((outputs + 1) << unit) - factor * shifted, _FREE).min()
        if -_FREE < least < most < _FREE:
            return LinearRequantization(factor, (int(least) + int(most)) // 2, left, right)
    return None
