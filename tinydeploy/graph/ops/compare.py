"""EQUAL, NOT_EQUAL, GREATER, GREATER_EQUAL, LESS and LESS_EQUAL: truth values of two operands."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, ClassVar, Final

from tinydeploy.graph.constraints import (
    batch_of_one,
    inputs_and_outputs,
    is_per_tensor_int8,
    shapes_known,
)
from tinydeploy.graph.elementwise import (
    Elementwise,
    operands_broadcast,
    read_operands,
    some_operand_computed,
)
from tinydeploy.graph.fixed_point import quantize_multiplier
from tinydeploy.graph.invariants import broken, is_int8, is_multiplier, zero_point_of
from tinydeploy.graph.node import Constraint, Node
from tinydeploy.graph.op import Op, register_op
from tinydeploy.graph.tensor import TRUTH

if TYPE_CHECKING:
    from tinydeploy.graph.graph import Graph

LEFT_SHIFT: Final = 8

RELATIONS: Final[Mapping[str, tuple[bool, bool, bool]]] = {
    "EQUAL": (False, True, False),
    "NOT_EQUAL": (True, False, True),
    "GREATER": (False, False, True),
    "GREATER_EQUAL": (False, True, True),
    "LESS": (True, False, False),
    "LESS_EQUAL": (True, True, False),
}
"""By builtin name: whether it holds where the first is the smaller, where equal, the larger."""


def compares_int8(node: Node) -> bool:
    """Its operands are int8 with one scale and zero point each, its output is of truth values."""
    operands = [node.input(which) for which in range(2)]
    return all(map(is_per_tensor_int8, operands)) and node.output.dtype == TRUTH


def scales_below_one(node: Node) -> bool:
    """Its operands' scales are below 1: the reference aborts at others."""
    return all(node.quantization(which).scale < 1 for which in range(2))


@register_op(*RELATIONS)
@dataclass(frozen=True, eq=False)
class Compare(Elementwise):
    """Two operands brought to one scale and compared; 1 where the relation holds, else 0.

        scaled[i] = multiply_double_rounding((operand[i] - zero_points[i]) << 8,
                                             multipliers[i], shifts[i])

    |operand - zero point| <= 255, so the shifted value is below 2^16. The multipliers are the
    scales themselves.

    Args:
        relation: The operation's name in TFLite's schema, its operands being in the op's order.
        function: The operation's name in the file.
        zero_points: Of the two operands.
        multipliers: One per operand, real value below 1.
        shifts: One per operand, at most 0.
    """

    builtin: ClassVar[str] = "COMPARE"
    constraints: ClassVar[tuple[Constraint, ...]] = (
        inputs_and_outputs(2),
        some_operand_computed,
        compares_int8,
        shapes_known,
        batch_of_one,
        operands_broadcast,
        scales_below_one,
    )

    relation: str
    function: str
    zero_points: tuple[int, int]
    multipliers: tuple[int, int]
    shifts: tuple[int, int]

    @property
    def kind(self) -> str:
        """The operation's name in the file."""
        return self.function

    @classmethod
    def read(cls, node: Node) -> Op:
        """Makes the op from an operator whose constraints hold."""
        operands = read_operands(node)
        sources = [node.quantization(which) for which in (operands.first, 1 - operands.first)]
        scaled = [quantize_multiplier(source.scale) for source in sources]
        return cls(
            index=node.index,
            inputs=operands.inputs,
            outputs=node.outputs,
            constant=operands.constant,
            relation=_mirror(node.builtin) if operands.first == 1 else node.builtin,
            function=node.builtin,
            zero_points=(sources[0].zero_point, sources[1].zero_point),
            multipliers=(scaled[0][0], scaled[1][0]),
            shifts=(scaled[0][1], scaled[1][1]),
        )

    def verify(self, graph: Graph) -> list[str]:
        """The invariants of a comparison."""
        pairs = zip(self.multipliers, self.shifts, strict=True)
        ends = tuple(zero_point_of(graph, t) for t in self.inputs)
        return super().verify(graph) + broken(
            (self.relation in RELATIONS, "its relation is known"),
            (all(is_multiplier(*p) and p[1] <= 0 for p in pairs), "multipliers are below 1"),
            (is_int8(*self.zero_points), "zero points are int8"),
            (self.zero_points[: len(ends)] == ends, "zero points are the operands'"),
            (graph.tensors[self.outputs[0]].dtype == TRUTH, "its output are truth values"),
        )


def _mirror(builtin: str) -> str:
    """The relation with its operands in the other order."""
    wanted = RELATIONS[builtin][::-1]
    return next(name for name, holds in RELATIONS.items() if holds == wanted)
