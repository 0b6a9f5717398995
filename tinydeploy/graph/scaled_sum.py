"""What ADD and SUB have in common: both operands brought to one scale, added, requantized."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Final

import numpy as np
from numpy.typing import NDArray

from tinydeploy.graph.constraints import known_activation
from tinydeploy.graph.elementwise import ELEMENTWISE_CONSTRAINTS, Elementwise, read_operands
from tinydeploy.graph.fixed_point import (
    activation_bounds,
    multiply_double_rounding,
    quantize_multiplier,
)
from tinydeploy.graph.invariants import broken, is_bounds, is_int8, is_multiplier, zero_point_of
from tinydeploy.graph.node import Constraint, Node

if TYPE_CHECKING:
    from tinydeploy.graph.graph import Graph

LEFT_SHIFT: Final = 20  # TFLite's for 8-bit operands


@dataclass(frozen=True, eq=False)
class ScaledSum(Elementwise):
    """Two operands brought to one scale, added, requantized and bounded.

        difference[i] = (operand[i] - zero_points[i]) << 20
        scaled[i] = signs[i] * multiply_double_rounding(difference[i], multipliers[i], shifts[i])
        sum = multiply_double_rounding(scaled[0] + scaled[1], output_multiplier, output_shift)
        output = clamp(sum + output_zero_point, low, high)

    |operand - zero point| <= 255, so the shifted value is below 2^28. The multipliers are at most
    1/2, so each scaled operand is at most 2^27 and their sum at most 2^28; the output multiplier is
    below 1. Nothing overflows int32.

    Args:
        zero_points: Of the two operands.
        signs: +1 or -1 for each operand.
        multipliers: One per operand, real value at most 1/2.
        shifts: One per operand, at most 0.
        output_multiplier: Real value below 1.
        output_shift: At most 0.
        output_zero_point: Zero point of the output.
        low: Lower bound of the output, within int8.
        high: Upper bound of the output.
    """

    zero_points: tuple[int, int]
    signs: tuple[int, int]
    multipliers: tuple[int, int]
    shifts: tuple[int, int]
    output_multiplier: int
    output_shift: int
    output_zero_point: int
    low: int
    high: int

    def scaled_operand(self, which: int) -> NDArray[np.int32]:
        """The scaled operand for every int8 value: int32 [256], entry v + 128 for value v."""
        values = np.arange(-128, 128, dtype=np.int64) - self.zero_points[which]
        scaled = multiply_double_rounding(
            values << LEFT_SHIFT, self.multipliers[which], self.shifts[which]
        )
        return (self.signs[which] * scaled).astype(np.int32)

    def verify(self, graph: Graph) -> list[str]:
        """The invariants of a sum."""
        pairs = zip(self.multipliers, self.shifts, strict=True)
        ends = tuple(zero_point_of(graph, t) for t in self.inputs)
        return super().verify(graph) + broken(
            (
                all(is_multiplier(*p) and p[1] <= 0 for p in pairs),
                "operand multipliers are below 1",
            ),
            (
                is_multiplier(self.output_multiplier, self.output_shift) and self.output_shift <= 0,
                "the output multiplier is below 1",
            ),
            (all(abs(sign) == 1 for sign in self.signs), "signs are +1 or -1"),
            (is_int8(*self.zero_points), "zero points are int8"),
            (self.zero_points[: len(ends)] == ends, "zero points are the operands'"),
            (self.output_zero_point == zero_point_of(graph, self.outputs[0]), "so is the output's"),
            (is_bounds(self.low, self.high), "the range of outputs is not empty"),
        )


def read_scaled_sum(
    node: Node, signs: tuple[int, int], left_shift: int = LEFT_SHIFT
) -> dict[str, Any]:
    """The attributes of a sum with these signs, from an operator whose constraints hold."""
    operands = read_operands(node)
    order = operands.first, 1 - operands.first
    sources = [node.quantization(which) for which in order]
    output = node.output_quantization
    # All of this is exact in a double but for the quotients, as in TFLite's Prepare.
    twice_max = 2.0 * max(source.scale for source in sources)
    scaled = [quantize_multiplier(source.scale / twice_max) for source in sources]
    output_multiplier, output_shift = quantize_multiplier(sum_multiplier(node, left_shift))
    low, high = activation_bounds(node.activation, output.scale, output.zero_point, node.dtype)
    return {
        "index": node.index,
        "inputs": operands.inputs,
        "outputs": node.outputs,
        "constant": operands.constant,
        "zero_points": (sources[0].zero_point, sources[1].zero_point),
        "signs": (signs[order[0]], signs[order[1]]),
        "multipliers": (scaled[0][0], scaled[1][0]),
        "shifts": (scaled[0][1], scaled[1][1]),
        "output_multiplier": output_multiplier,
        "output_shift": output_shift,
        "output_zero_point": output.zero_point,
        "low": low,
        "high": high,
    }


def sum_multiplier(node: Node, left_shift: int = LEFT_SHIFT) -> float:
    """The real multiplier from the scaled sum to the output."""
    twice_max = 2.0 * max(node.quantization(which).scale for which in (0, 1))
    return twice_max / ((1 << left_shift) * node.output_quantization.scale)


def sum_multiplier_below_one(node: Node) -> bool:
    """Its output's scale is above 2^-19 times the larger scale of its operands."""
    return sum_multiplier(node) < 1


SUM_CONSTRAINTS: tuple[Constraint, ...] = (
    *ELEMENTWISE_CONSTRAINTS,
    known_activation,
    sum_multiplier_below_one,
)
"""Constraints of ADD and SUB."""
