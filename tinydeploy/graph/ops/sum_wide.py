"""ADD and SUB of int16 activations."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, ClassVar, Final

from tinydeploy.graph.constraints import known_activation
from tinydeploy.graph.elementwise import ELEMENTWISE_CONSTRAINTS, Elementwise
from tinydeploy.graph.fixed_point import near_power_of_two
from tinydeploy.graph.invariants import broken, is_int16_bounds, is_multiplier
from tinydeploy.graph.node import Constraint, Node
from tinydeploy.graph.op import register_op
from tinydeploy.graph.scaled_sum import read_scaled_sum, sum_multiplier

if TYPE_CHECKING:
    from tinydeploy.graph.graph import Graph

LEFT_SHIFT: Final = 15  # TFLite's for 16-bit operands
_HALF: Final = (1 << 30, 0)


def wide_sum_below_one(node: Node) -> bool:
    """Its output's scale is above 2^-14 times the larger scale of its operands."""
    return sum_multiplier(node, LEFT_SHIFT) < 1


def general_scales(node: Node) -> bool:
    """Its option pot_scale_int16 is off, or one of its scales is no power of 2."""
    scales = [node.quantization(which).scale for which in (0, 1)]
    scales.append(node.output_quantization.scale)
    return not node.option("PotScaleInt16", 1) or any(near_power_of_two(s) is None for s in scales)


@register_op("ADD", "SUB", types=("int16",))
@dataclass(frozen=True, eq=False)
class SumWide(Elementwise):
    """Two int16 operands brought to one scale, added, requantized and bounded.

        scaled[i] = signs[i] * multiply_double_rounding(operand[i] << 15, multipliers[i], shifts[i])
        sum = multiply_double_rounding(scaled[0] + scaled[1], output_multiplier, output_shift)
        output = clamp(sum, low, high)

    The shifted operands are at most 2^30, their multipliers at most 1/2: so the sum is, too. The
    multiplier of the operand with the larger scale is 1/2.

    Args:
        signs: +1 or -1 for each operand.
        multipliers: One per operand, real value at most 1/2.
        shifts: One per operand, at most 0.
        output_multiplier: Real value below 1.
        output_shift: At most 0.
        low: Lower bound of the output, within int16.
        high: Upper bound of the output.
    """

    builtin: ClassVar[str] = "ADD"
    constraints: ClassVar[tuple[Constraint, ...]] = (
        *ELEMENTWISE_CONSTRAINTS,
        known_activation,
        wide_sum_below_one,
        general_scales,
    )

    function: str
    signs: tuple[int, int]
    multipliers: tuple[int, int]
    shifts: tuple[int, int]
    output_multiplier: int
    output_shift: int
    low: int
    high: int

    @property
    def kind(self) -> str:
        """The operation's name in TFLite's schema."""
        return self.function

    @property
    def portable_kernel(self) -> str:
        """The kernel of int16."""
        return "add_s16"

    @property
    def larger(self) -> int:
        """Which operand has the larger scale: the multiplication of that is exact."""
        return 0 if (self.multipliers[0], self.shifts[0]) == _HALF else 1

    @classmethod
    def read(cls, node: Node) -> SumWide:
        """Makes the op from an operator whose constraints hold."""
        signs = (1, 1 if node.builtin == "ADD" else -1)
        made = read_scaled_sum(node, signs, LEFT_SHIFT)
        del made["zero_points"], made["output_zero_point"]  # all are 0
        return cls(function=node.builtin, **made)

    def verify(self, graph: Graph) -> list[str]:
        """The invariants of a sum."""
        pairs = [
            *zip(self.multipliers, self.shifts, strict=True),
            (self.output_multiplier, self.output_shift),
        ]
        below = all(is_multiplier(*pair) and pair[1] <= 0 for pair in pairs)
        return super().verify(graph) + broken(
            (below, "multipliers are below 1"),
            (_HALF in pairs[:2], "one of the operands' multipliers is 1/2"),
            (all(abs(sign) == 1 for sign in self.signs), "signs are +1 or -1"),
            (is_int16_bounds(self.low, self.high), "the range of outputs is not empty"),
        )
