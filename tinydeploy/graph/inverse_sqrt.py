"""RSQRT: the inverse square root of one int8 in the reference's fixed point, as a table."""

from __future__ import annotations

from typing import Final

import numpy as np
from numpy.typing import NDArray

from tinydeploy.graph.fixed_point import (
    INT8_MAX,
    INT8_MIN,
    INT32_MAX,
    INT32_MIN,
    clamp,
    multiply_double_rounding,
    quantize_multiplier,
    rounding_divide_by_pot,
    saturating_rounding_doubling_high_mul,
)
from tinydeploy.graph.node import Node

_RAISED: Final = 20  # bits of a fraction that an inverse square root has
_HALF_SQRT_2: Final = 1518500250  # in Q0.31


def rsqrt_table(node: Node) -> NDArray[np.int8]:
    """RSQRT of what is not negative; the most that the output holds for 0."""
    zero_point, output = node.quantization(0).zero_point, node.output_quantization
    multiplier, shift = quantize_multiplier(rsqrt_multiplier(node))
    results = [INT8_MAX]
    for value in range(1, INT8_MAX - zero_point + 1):
        inverse, right = _inverse_sqrt(value)
        data = multiply_double_rounding(1, inverse, _RAISED - right)
        scaled = multiply_double_rounding(data, multiplier, shift - _RAISED)
        results.append(int(scaled) + output.zero_point)
    below = [INT8_MAX] * (zero_point - INT8_MIN)
    return clamp([*below, *results], INT8_MIN, INT8_MAX)


def rsqrt_multiplier(node: Node) -> float:
    """The real multiplier from the inverse square root of the integer to the output."""
    root = np.sqrt(np.float32(node.quantization(0).scale))
    return float(1.0 / np.float64(root * np.float32(node.output_quantization.scale)))


def _inverse_sqrt(value: int) -> tuple[int, int]:
    """A multiplier in Q0.31 and a shift to the right that stand for 1 / sqrt(value), 1 to 255.

    Five Newton steps x += x / 2 * (1 - a * x^2) in Q3.28, from 1, for a = value * 4^n in [1/4, 1).
    Source: TFLite's GetInvSqrtQuantizedMultiplierExp.
    """
    if value == 1:
        return INT32_MAX, 0
    pairs = (32 - value.bit_length() - 1) // 2 - 1
    a = (value << 2 * pairs) >> 1
    half_a = int(rounding_divide_by_pot(a, 1))
    x = 1 << 28
    for _ in range(5):
        cube = _raise(_high(_high(x, x), x), 6)
        x = _raise(_high((1 << 28) + (1 << 27), x) - _high(half_a, cube), 3)
    return _high(x, _HALF_SQRT_2), 11 - pairs


def _high(a: int, b: int) -> int:
    return int(saturating_rounding_doubling_high_mul(a, b))


def _raise(value: int, bits: int) -> int:
    """The value times 2^bits, saturated."""
    return min(max(value << bits, INT32_MIN), INT32_MAX)
