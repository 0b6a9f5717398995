"""MUL of int16 activations."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, ClassVar

from tinydeploy.graph.constraints import known_activation
from tinydeploy.graph.elementwise import ELEMENTWISE_CONSTRAINTS, Elementwise, read_operands
from tinydeploy.graph.fixed_point import activation_bounds, quantize_multiplier
from tinydeploy.graph.invariants import broken, is_int16_bounds, is_multiplier
from tinydeploy.graph.node import Constraint, Node
from tinydeploy.graph.op import register_op
from tinydeploy.graph.ops.mul import product_multiplier

if TYPE_CHECKING:
    from tinydeploy.graph.graph import Graph


def product_below_one(node: Node) -> bool:
    """Its scales give a requantization multiplier below 1."""
    return quantize_multiplier(product_multiplier(node))[1] <= 0


@register_op(types=("int16",))
@dataclass(frozen=True, eq=False)
class MulWide(Elementwise):
    """The product of two int16 operands, requantized and bounded.

        output = clamp(multiply_double_rounding(operand[0] * operand[1], multiplier, shift), low,
                       high)

    |product| <= 2^30.

    Args:
        multiplier: In [2^30, 2^31) or 0.
        shift: In [-31, 0].
        low: Lower bound of the output, within int16.
        high: Upper bound of the output.
    """

    builtin: ClassVar[str] = "MUL"
    constraints: ClassVar[tuple[Constraint, ...]] = (
        *ELEMENTWISE_CONSTRAINTS,
        known_activation,
        product_below_one,
    )

    multiplier: int
    shift: int
    low: int
    high: int

    @property
    def portable_kernel(self) -> str:
        """The kernel of int16."""
        return "mul_s16"

    @classmethod
    def read(cls, node: Node) -> MulWide:
        """Makes the op from an operator whose constraints hold."""
        operands = read_operands(node)
        multiplier, shift = quantize_multiplier(product_multiplier(node))
        scale = node.output_quantization.scale
        low, high = activation_bounds(node.activation, scale, 0, "int16")
        return cls(
            index=node.index,
            inputs=operands.inputs,
            outputs=node.outputs,
            constant=operands.constant,
            multiplier=multiplier,
            shift=shift,
            low=low,
            high=high,
        )

    def verify(self, graph: Graph) -> list[str]:
        """The invariants of a product."""
        return super().verify(graph) + broken(
            (is_multiplier(self.multiplier, self.shift), "the multiplier is in range"),
            (self.shift <= 0, "the multiplier is below 1"),
            (is_int16_bounds(self.low, self.high), "the range of outputs is not empty"),
        )
