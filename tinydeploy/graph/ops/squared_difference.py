"""SQUARED_DIFFERENCE: the square of the difference of two activations."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, ClassVar, Final

from tinydeploy.graph.elementwise import ELEMENTWISE_CONSTRAINTS, Elementwise, read_operands
from tinydeploy.graph.fixed_point import quantize_multiplier
from tinydeploy.graph.invariants import broken, is_int8, is_multiplier, zero_point_of
from tinydeploy.graph.node import Constraint, Node
from tinydeploy.graph.op import register_op

if TYPE_CHECKING:
    from tinydeploy.graph.graph import Graph

LEFT_SHIFT: Final = 7


def square_below_one(node: Node) -> bool:
    """Its output's scale is above 2^-12 times the square of the larger scale of its operands."""
    return _square_multiplier(node) < 1


@register_op()
@dataclass(frozen=True, eq=False)
class SquaredDifference(Elementwise):
    """Two operands brought to one scale, subtracted, squared and requantized.

        scaled[i] = multiply_double_rounding((operand[i] - zero_points[i]) << 7,
                                             multipliers[i], shifts[i])
        square = (scaled[0] - scaled[1])^2
        output = clamp(multiply_double_rounding(square, output_multiplier, output_shift)
                       + output_zero_point, -128, 127)

    The multipliers are at most 1/2, so the difference is below 2^15.

    Args:
        zero_points: Of the two operands.
        multipliers: One per operand, real value at most 1/2.
        shifts: One per operand, at most 0.
        output_multiplier: Real value below 1.
        output_shift: At most 0.
        output_zero_point: Zero point of the output.
    """

    builtin: ClassVar[str] = "SQUARED_DIFFERENCE"
    constraints: ClassVar[tuple[Constraint, ...]] = (*ELEMENTWISE_CONSTRAINTS, square_below_one)

    zero_points: tuple[int, int]
    multipliers: tuple[int, int]
    shifts: tuple[int, int]
    output_multiplier: int
    output_shift: int
    output_zero_point: int

    @classmethod
    def read(cls, node: Node) -> SquaredDifference:
        """Makes the op from an operator whose constraints hold."""
        operands = read_operands(node)
        sources = [node.quantization(which) for which in (operands.first, 1 - operands.first)]
        twice_max = 2.0 * max(source.scale for source in sources)
        scaled = [quantize_multiplier(source.scale / twice_max) for source in sources]
        output_multiplier, output_shift = quantize_multiplier(_square_multiplier(node))
        return cls(
            index=node.index,
            inputs=operands.inputs,
            outputs=node.outputs,
            constant=operands.constant,
            zero_points=(sources[0].zero_point, sources[1].zero_point),
            multipliers=(scaled[0][0], scaled[1][0]),
            shifts=(scaled[0][1], scaled[1][1]),
            output_multiplier=output_multiplier,
            output_shift=output_shift,
            output_zero_point=node.output_quantization.zero_point,
        )

    def verify(self, graph: Graph) -> list[str]:
        """The invariants of a squared difference."""
        pairs = (
            *zip(self.multipliers, self.shifts, strict=True),
            (self.output_multiplier, self.output_shift),
        )
        ends = tuple(zero_point_of(graph, t) for t in self.inputs)
        return super().verify(graph) + broken(
            (all(is_multiplier(*p) and p[1] <= 0 for p in pairs), "multipliers are below 1"),
            (is_int8(*self.zero_points), "zero points are int8"),
            (self.zero_points[: len(ends)] == ends, "zero points are the operands'"),
            (self.output_zero_point == zero_point_of(graph, self.outputs[0]), "so is the output's"),
        )


def _square_multiplier(node: Node) -> float:
    """The real multiplier from the square to the output."""
    twice_max = 2.0 * max(node.quantization(which).scale for which in (0, 1))
    return twice_max**2 / ((1 << 2 * LEFT_SHIFT) * node.output_quantization.scale)
