"""MUL: the product of two activations, or of an activation and a constant."""

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

MAX_SHIFT: Final = 14
"""A product below 2^16, shifted left by this, is below 2^30."""


def multiplier_in_range(node: Node) -> bool:
    """Its scales give a requantization multiplier of at most 2^14."""
    return product_multiplier(node) < 2.0**MAX_SHIFT


@register_op()
@dataclass(frozen=True, eq=False)
class Mul(Elementwise):
    """The product of two operands, requantized and bounded.

        product = (operand[0] - zero_points[0]) * (operand[1] - zero_points[1])
        scaled = multiply_double_rounding(product, multiplier, shift)
        output = clamp(scaled + output_zero_point, low, high)

    |product| <= 255 * 255 < 2^16.

    Args:
        zero_points: Of the two operands.
        multiplier: In [2^30, 2^31) or 0.
        shift: In [-31, 14]: the product times 2^shift fits in an int32.
        output_zero_point: Zero point of the output.
        low: Lower bound of the output, within int8.
        high: Upper bound of the output.
    """

    builtin: ClassVar[str] = "MUL"
    constraints: ClassVar[tuple[Constraint, ...]] = (
        *ELEMENTWISE_CONSTRAINTS,
        known_activation,
        multiplier_in_range,
    )

    zero_points: tuple[int, int]
    multiplier: int
    shift: int
    output_zero_point: int
    low: int
    high: int

    @classmethod
    def read(cls, node: Node) -> Mul:
        """Makes the op from an operator whose constraints hold."""
        operands = read_operands(node)
        order = operands.first, 1 - operands.first
        output = node.output_quantization
        multiplier, shift = quantize_multiplier(product_multiplier(node))
        low, high = activation_bounds(node.activation, output.scale, output.zero_point)
        return cls(
            index=node.index,
            inputs=operands.inputs,
            outputs=node.outputs,
            constant=operands.constant,
            zero_points=(
                node.quantization(order[0]).zero_point,
                node.quantization(order[1]).zero_point,
            ),
            multiplier=multiplier,
            shift=shift,
            output_zero_point=output.zero_point,
            low=low,
            high=high,
        )

    def verify(self, graph: Graph) -> list[str]:
        """The invariants of a product."""
        ends = tuple(zero_point_of(graph, t) for t in self.inputs)
        return super().verify(graph) + broken(
            (is_multiplier(self.multiplier, self.shift), "the multiplier is in range"),
            (self.shift <= MAX_SHIFT, "the shifted product fits an int32"),
            (is_int8(*self.zero_points), "zero points are int8"),
            (self.zero_points[: len(ends)] == ends, "zero points are the operands'"),
            (self.output_zero_point == zero_point_of(graph, self.outputs[0]), "so is the output's"),
            (is_bounds(self.low, self.high), "the range of outputs is not empty"),
        )


def product_multiplier(node: Node) -> float:
    """The real multiplier from the product to the output; in float32, as TFLite's Prepare does."""
    product = float32_product(node.quantization(0).scale, node.quantization(1).scale)
    return float(product / np.float32(node.output_quantization.scale))
