"""DIV: the quotient of two activations, or of an activation and a constant."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, ClassVar, Final

import numpy as np

from tinydeploy.graph.constraints import known_activation
from tinydeploy.graph.elementwise import ELEMENTWISE_CONSTRAINTS, Elementwise, read_operands
from tinydeploy.graph.fixed_point import activation_bounds, quantize_multiplier
from tinydeploy.graph.invariants import broken, is_bounds, is_int8, is_multiplier, zero_point_of
from tinydeploy.graph.node import Constraint, Node, float32_product
from tinydeploy.graph.op import register_op

if TYPE_CHECKING:
    from tinydeploy.graph.graph import Graph

MIN_SHIFT: Final = 7
MAX_SHIFT: Final = 22


def quotient_in_range(node: Node) -> bool:
    """Its dividend's scale is 2^6 to 2^22 times the product of its divisor's and its output's."""
    return MIN_SHIFT <= quantize_multiplier(_quotient_multiplier(node))[1] <= MAX_SHIFT


def no_constant_zero(node: Node) -> bool:
    """Its divisor, if constant, has no zero."""
    data = node.input(1).data
    return data is None or not bool(np.any(data == node.quantization(1).zero_point))


@register_op()
@dataclass(frozen=True, eq=False)
class Div(Elementwise):
    """The quotient of two operands, requantized and bounded.

        n, d = operand[0] - zero_points[0], operand[1] - zero_points[1]    both negated if d < 0
        inverse = 2^(32 - bits(d)) / d in Q0.31, by three Newton steps
        headroom = the bits of n, as an int32, that only repeat its sign
        quotient = high_mul(high_mul(n << headroom, inverse), multiplier)
        scaled = rounding_divide_by_pot(quotient, headroom + bits(d) - 1 - shift)
        output = clamp(scaled + output_zero_point, low, high)

    d is below 2^8, so bits(d) is 1 to 8, and headroom is 23 to 31: the last shift is to the right,
    by 1 to 31. If d is 0, where the reference gives up, it counts as 1.

    Args:
        zero_points: Of the two operands, in the operator's order.
        swapped: The first operand, which is whole, is the divisor.
        multiplier: In [2^30, 2^31).
        shift: In [7, 22].
        output_zero_point: Zero point of the output.
        low: Lower bound of the output, within int8.
        high: Upper bound of the output.
    """

    builtin: ClassVar[str] = "DIV"
    constraints: ClassVar[tuple[Constraint, ...]] = (
        *ELEMENTWISE_CONSTRAINTS,
        known_activation,
        quotient_in_range,
        no_constant_zero,
    )

    zero_points: tuple[int, int]
    swapped: bool
    multiplier: int
    shift: int
    output_zero_point: int
    low: int
    high: int

    @classmethod
    def read(cls, node: Node) -> Div:
        """Makes the op from an operator whose constraints hold."""
        operands, output = read_operands(node), node.output_quantization
        multiplier, shift = quantize_multiplier(_quotient_multiplier(node))
        low, high = activation_bounds(node.activation, output.scale, output.zero_point)
        return cls(
            index=node.index,
            inputs=operands.inputs,
            outputs=node.outputs,
            constant=operands.constant,
            zero_points=(node.quantization(0).zero_point, node.quantization(1).zero_point),
            swapped=operands.first == 1,
            multiplier=multiplier,
            shift=shift,
            output_zero_point=output.zero_point,
            low=low,
            high=high,
        )

    def verify(self, graph: Graph) -> list[str]:
        """The invariants of a quotient."""
        ends = tuple(zero_point_of(graph, t) for t in self.inputs)
        zero_points = self.zero_points[::-1] if self.swapped else self.zero_points
        return super().verify(graph) + broken(
            (is_multiplier(self.multiplier, self.shift), "the multiplier is in range"),
            (MIN_SHIFT <= self.shift <= MAX_SHIFT, "the last shift is within an int32"),
            (is_int8(*self.zero_points), "zero points are int8"),
            (zero_points[: len(ends)] == ends, "zero points are the operands'"),
            (self.output_zero_point == zero_point_of(graph, self.outputs[0]), "so is the output's"),
            (is_bounds(self.low, self.high), "the range of outputs is not empty"),
        )


def _quotient_multiplier(node: Node) -> float:
    """The real multiplier from the quotient to the output; in float32, as TFLite's Prepare does."""
    product = float32_product(node.quantization(1).scale, node.output_quantization.scale)
    return float(np.float32(node.quantization(0).scale) / product)
