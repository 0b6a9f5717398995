"""Tables of functions of one int8, computed as the TFLite reference kernels compute them."""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping
from typing import Final

import numpy as np
from numpy.typing import NDArray

from tinydeploy.graph.fixed_point import (
    INT8_MAX,
    INT8_MIN,
    clamp,
    multiply_double_rounding,
    quantize_multiplier,
    quantize_value,
    round_array,
    rounding_divide_by_pot,
)
from tinydeploy.graph.inverse_sqrt import rsqrt_multiplier, rsqrt_table
from tinydeploy.graph.node import Node
from tinydeploy.graph.real_functions import Function, exp, gelu_erf, gelu_tanh, log, logistic, tanh

VALUES: Final = np.arange(-128, 128, dtype=np.int64)
"""Every int8, in the order of the tables."""

Table = NDArray[np.int8]


def quantize_table(node: Node) -> Table:
    """QUANTIZE from int8 to int8: another scale and zero point, by double rounding."""
    source, output = node.quantization(0), node.output_quantization
    multiplier, shift = quantize_multiplier(source.scale / output.scale)
    scaled = multiply_double_rounding(VALUES - source.zero_point, multiplier, shift)
    return clamp(scaled + output.zero_point, INT8_MIN, INT8_MAX)


def _relu_table(bottom: float, top: float | None) -> Callable[[Node], Table]:
    """RELU and its relatives: requantized by a multiplier taken in float32, then bounded."""

    def table(node: Node) -> Table:
        source, output = node.quantization(0), node.output_quantization
        multiplier, shift = quantize_multiplier(
            float(np.float32(source.scale) / np.float32(output.scale))
        )
        scaled = multiply_double_rounding(VALUES - source.zero_point, multiplier, shift)
        low = max(INT8_MIN, quantize_value(bottom, output.scale, output.zero_point))
        high = INT8_MAX
        if top is not None:
            high = min(high, quantize_value(top, output.scale, output.zero_point))
        return np.minimum(np.maximum(scaled + output.zero_point, low), high).astype(np.int8)

    return table


def leaky_relu_table(node: Node) -> Table:
    """LEAKY_RELU: one multiplier for each sign, both taken in float32."""
    source, output = node.quantization(0), node.output_quantization
    scale, out_scale = np.float32(source.scale), np.float32(output.scale)
    alpha = np.float32(node.options.get("Alpha", 0.0))
    slope = float(np.float32(scale * alpha) / out_scale)
    identity = quantize_multiplier(float(scale / out_scale))
    multiplier, shift = quantize_multiplier(abs(slope))
    x = VALUES - source.zero_point
    below = multiply_double_rounding(x, multiplier, shift) * (-1 if slope < 0 else 1)
    above = multiply_double_rounding(x, *identity)
    return clamp(np.where(x >= 0, above, below) + output.zero_point, INT8_MIN, INT8_MAX)


def abs_table(node: Node) -> Table:
    """ABS: the magnitude, by double rounding where the scales differ."""
    source, output = node.quantization(0), node.output_quantization
    value = np.abs(VALUES - source.zero_point)
    if source.scale != output.scale:
        ratio = np.float32(source.scale) / np.float32(output.scale)
        value = multiply_double_rounding(value, *quantize_multiplier(float(ratio)))
    return clamp(value + output.zero_point, INT8_MIN, INT8_MAX)


def negated_table(node: Node) -> Table:
    """NEG: the negated byte; the negative of -128 is itself."""
    del node
    return np.where(VALUES == INT8_MIN, INT8_MIN, -VALUES).astype(np.int8)


def sqrt_table(node: Node) -> Table:
    """SQRT: truncated, of what is not negative."""
    source, output = node.quantization(0), node.output_quantization
    x = np.float32(source.scale) * np.maximum(VALUES - source.zero_point, 0).astype(np.float32)
    scaled = np.minimum(np.sqrt(x) / np.float32(output.scale), np.float32(512))
    return clamp(scaled.astype(np.int64) + output.zero_point, INT8_MIN, INT8_MAX)


def _gelu_table(node: Node) -> Table:
    """GELU, exact or by the approximation with tanh."""
    return _float_table(gelu_tanh if node.option("Approximate") else gelu_erf)(node)


def _float_table(function: Function) -> Callable[[Node], Table]:
    """A real function between dequantizing and quantizing, every step rounded to float32."""

    def table(node: Node) -> Table:
        source, output = node.quantization(0), node.output_quantization
        y = function(np.float32(source.scale) * (VALUES - source.zero_point).astype(np.float32))
        scaled = y * (np.float32(1) / np.float32(output.scale))
        # Ties away from zero; what lies outside of +-512 saturates for every zero point.
        return clamp(
            round_array(np.clip(scaled, -512, 512)) + output.zero_point, INT8_MIN, INT8_MAX
        )

    return table


def hard_swish_table(node: Node) -> Table:
    """HARD_SWISH: x * relu6(x + 3) / 6 in 16-bit fixed point (reference/hard_swish.h)."""
    source, output = node.quantization(0), node.output_quantization
    hires = np.float32(1 / 128) * np.float32(source.scale)
    out_multiplier, out_shift = quantize_multiplier(float(hires / np.float32(output.scale)))
    relu_multiplier, relu_shift = quantize_multiplier(float(hires / np.float32(3.0 / 32768.0)))
    x = (VALUES - source.zero_point) << 7  # |x| <= 255 * 128 < 2^15
    preshift = _high_mul_16(x, _to_16_bits(out_multiplier))
    gate = x
    if relu_shift > 0:
        gate = np.clip(gate << (relu_shift - 1), -(2**15), 2**15 - 1)
    gate = _high_mul_16(gate, _to_16_bits(relu_multiplier))
    if relu_shift > 0:
        gate = np.clip(gate << 1, -(2**15), 2**15 - 1)
    if relu_shift < 0:
        gate = rounding_divide_by_pot(gate, -relu_shift)
    gate = (gate + (1 << 15)) >> 1
    product = gate * preshift
    truncated = np.where(product >= 0, product >> 15, -((-product) >> 15))
    return clamp(
        rounding_divide_by_pot(truncated, -out_shift) + output.zero_point, INT8_MIN, INT8_MAX
    )


def _to_16_bits(multiplier: int) -> int:
    return min((multiplier + (1 << 15)) >> 16, 2**15 - 1)


def _high_mul_16(a: NDArray[np.int64], b: int) -> NDArray[np.int64]:
    """The rounding product of two Q0.15 numbers (gemmlowp); b >= 0, so it cannot saturate."""
    product = a * b
    nudged = product + np.where(product >= 0, 1 << 14, 1 - (1 << 14))
    return np.where(nudged >= 0, nudged >> 15, -((-nudged) >> 15))


TABLES: Final[Mapping[str, Callable[[Node], Table]]] = {
    "LOGISTIC": _float_table(logistic),
    "TANH": _float_table(tanh),
    "HARD_SWISH": hard_swish_table,
    "RELU": _relu_table(0.0, None),
    "RELU6": _relu_table(0.0, 6.0),
    "RELU_N1_TO_1": _relu_table(-1.0, 1.0),
    "RELU_0_TO_1": _relu_table(0.0, 1.0),
    "ABS": abs_table,
    "EXP": _float_table(exp),
    "GELU": _gelu_table,
    "LEAKY_RELU": leaky_relu_table,
    "LOG": _float_table(log),
    "NEG": negated_table,
    "RSQRT": rsqrt_table,
    "SQRT": sqrt_table,
    "QUANTIZE": quantize_table,
}
"""By builtin name: makes the table from an operator whose constraints hold."""


def table_in_range(node: Node) -> bool:
    """Its scales are such that the reference can compute it."""
    ratio = node.quantization(0).scale / node.output_quantization.scale
    if node.table is not None:
        return True
    if node.builtin == "LOGISTIC":
        return node.output_quantization.scale == 1 / 256
    if node.builtin == "HARD_SWISH":
        # Below 1 by the reference's own check; the gate's shifts stay within 15 bits.
        return ratio / 128 < 1 and node.quantization(0).scale / 128 < 1
    if node.builtin == "TANH":
        return node.output_quantization.scale > 2.0**-22
    if node.builtin == "EXP":
        source, output = node.quantization(0), node.output_quantization
        largest = source.scale * (INT8_MAX - source.zero_point)
        return largest < 80 and math.exp(largest) / output.scale < 2.0**30
    if node.builtin == "SQRT":
        return math.sqrt(255 * node.quantization(0).scale) / node.output_quantization.scale < 2**30
    if node.builtin == "RSQRT":
        return 2.0**-11 < rsqrt_multiplier(node) < 2.0**30
    alpha = abs(node.options.get("Alpha", 0.0))
    # |input - zero point| <= 255 < 2^8, shifted left by 22 at most.
    return alpha <= 2.0**22 and ratio * max(1.0, alpha) < 2.0**22  # false for NaN, too


def root_of_positive(node: Node) -> bool:
    """Its input, if of SQRT or RSQRT, has a zero point of -128: below 0 the reference fails."""
    return node.builtin not in ("SQRT", "RSQRT") or node.quantization(0).zero_point == INT8_MIN


def negates_bytes(node: Node) -> bool:
    """Its input and output, if of NEG, have one scale and zero points of 0: it negates bytes."""
    source, output = node.quantization(0), node.output_quantization
    alike = source.scale == output.scale and source.zero_point == output.zero_point == 0
    return node.builtin != "NEG" or alike
