"""gemmlowp's fixed-point exponential, as the reference softmax evaluates it."""

from __future__ import annotations

from typing import Final

import numpy as np
from numpy.typing import ArrayLike, NDArray

from tinydeploy.graph.fixed_point import (
    INT32_MAX,
    rounding_divide_by_pot,
    saturating_rounding_doubling_high_mul,
)

INTEGER_BITS: Final = 5  # the argument is Q5.26
_FRACTION_BITS: Final = 31 - INTEGER_BITS
_QUARTER: Final = 1 << (_FRACTION_BITS - 2)
_EXP_MINUS_EIGHTH: Final = 1895147668  # exp(-1/8), Q0.31
_THIRD: Final = 715827883  # 1/3, Q0.31
# exp(-2^k) in Q0.31, k = -2 ... 4.
_POWERS: Final = (1672461947, 1302514674, 790015084, 290630308, 39332535, 720401, 242)


def exp_on_negative_values(x: ArrayLike) -> NDArray[np.int32]:
    """exp(x) for x <= 0 (Q5.26), in Q0.31; exp(0) is the largest Q0.31.

    x is split into a part in [-1/4, 0), for which a polynomial is good, and a multiple of 1/4,
    whose bits choose factors exp(-2^k). Source: gemmlowp, fixedpoint/fixedpoint.h.
    """
    x = np.asarray(x, np.int64)
    modulo = (x & (_QUARTER - 1)) - _QUARTER  # in [-2^24, 0)
    result = _exp_of_last_quarter(modulo << INTEGER_BITS)  # in [-2^29, 0) as Q0.31: no saturation
    remainder = modulo - x  # multiple of a quarter, at most 2^31
    for k, factor in enumerate(_POWERS):
        chosen = (remainder >> (_FRACTION_BITS - 2 + k)) & 1
        result = np.where(
            chosen == 1, saturating_rounding_doubling_high_mul(result, factor), result
        )
    return np.where(x == 0, INT32_MAX, result).astype(np.int32)


def _exp_of_last_quarter(x: NDArray[np.int64]) -> NDArray[np.int64]:
    """exp(x) for x in [-1/4, 0), both Q0.31: Taylor to the fourth power around -1/8."""
    t = x + (1 << 28)  # |t| <= 1/8
    t2 = saturating_rounding_doubling_high_mul(t, t)
    t3 = saturating_rounding_doubling_high_mul(t2, t)
    t4 = saturating_rounding_doubling_high_mul(t2, t2)
    sixth = saturating_rounding_doubling_high_mul(rounding_divide_by_pot(t4, 2) + t3, _THIRD) + t2
    series = t + rounding_divide_by_pot(sixth, 1)
    return _EXP_MINUS_EIGHTH + saturating_rounding_doubling_high_mul(_EXP_MINUS_EIGHTH, series)
