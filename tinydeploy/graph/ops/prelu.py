"""PRELU: negative values of each channel have a slope of their own."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, ClassVar

import numpy as np

from tinydeploy.graph.constraints import first_is_activation, same_shape
from tinydeploy.graph.elementwise import ELEMENTWISE_CONSTRAINTS, Elementwise, read_operands
from tinydeploy.graph.fixed_point import quantize_multiplier
from tinydeploy.graph.invariants import broken, is_int8, is_multiplier, zero_point_of
from tinydeploy.graph.node import Constraint, Node, float32_product
from tinydeploy.graph.op import register_op

if TYPE_CHECKING:
    from tinydeploy.graph.graph import Graph


def slopes_in_range(node: Node) -> bool:
    """Its scales give multipliers of at most 2^22, and for negative values of at most 2^14."""
    multiplier, slope = _multipliers(node)
    return multiplier < 2.0**22 and slope < 2.0**14


@register_op()
@dataclass(frozen=True, eq=False)
class Prelu(Elementwise):
    """The first operand, multiplied by the second, the slope, where it is negative.

        x = operand[0] - zero_points[0]
        product = x * (operand[1] - zero_points[1])
        scaled = x >= 0 ? multiply_double_rounding(x, multiplier, shift)
                        : multiply_double_rounding(product, slope_multiplier, slope_shift)
        output = clamp(scaled + output_zero_point, -128, 127)

    |x| <= 255 and |product| < 2^16: shifted left by 22 and 14 they stay below 2^30.

    Args:
        zero_points: Of the two operands.
        multiplier: In [2^30, 2^31) or 0.
        shift: In [-31, 22].
        slope_multiplier: In [2^30, 2^31) or 0.
        slope_shift: In [-31, 14].
        output_zero_point: Zero point of the output.
    """

    builtin: ClassVar[str] = "PRELU"
    constraints: ClassVar[tuple[Constraint, ...]] = (
        *ELEMENTWISE_CONSTRAINTS,
        first_is_activation,
        same_shape,
        slopes_in_range,
    )

    zero_points: tuple[int, int]
    multiplier: int
    shift: int
    slope_multiplier: int
    slope_shift: int
    output_zero_point: int

    @classmethod
    def read(cls, node: Node) -> Prelu:
        """Makes the op from an operator whose constraints hold."""
        operands = read_operands(node)
        (multiplier, shift), (slope_multiplier, slope_shift) = map(
            quantize_multiplier, _multipliers(node)
        )
        return cls(
            index=node.index,
            inputs=operands.inputs,
            outputs=node.outputs,
            constant=operands.constant,
            zero_points=(node.quantization(0).zero_point, node.quantization(1).zero_point),
            multiplier=multiplier,
            shift=shift,
            slope_multiplier=slope_multiplier,
            slope_shift=slope_shift,
            output_zero_point=node.output_quantization.zero_point,
        )

    def verify(self, graph: Graph) -> list[str]:
        """The invariants of a slope for negative values."""
        ends = tuple(zero_point_of(graph, t) for t in self.inputs)
        return super().verify(graph) + broken(
            (is_multiplier(self.multiplier, self.shift), "the multiplier is in range"),
            (is_multiplier(self.slope_multiplier, self.slope_shift), "the slope's is in range"),
            (self.shift <= 22 and self.slope_shift <= 14, "shifted values fit an int32"),
            (is_int8(*self.zero_points), "zero points are int8"),
            (self.zero_points[: len(ends)] == ends, "zero points are the operands'"),
            (self.output_zero_point == zero_point_of(graph, self.outputs[0]), "so is the output's"),
        )


def _multipliers(node: Node) -> tuple[float, float]:
    """The real multipliers of the input and of its product with the slope, taken in float32."""
    source, slope = node.quantization(0).scale, node.quantization(1).scale
    output = np.float32(node.output_quantization.scale)
    return float(np.float32(source) / output), float(float32_product(source, slope) / output)
