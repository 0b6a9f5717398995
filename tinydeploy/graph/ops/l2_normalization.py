"""L2_NORMALIZATION: vectors along the last dimension scaled to a length of 1."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, ClassVar, Final

from tinydeploy.graph.constraints import (
    ACTIVATION_CONSTRAINTS,
    inputs_and_outputs,
    no_activation,
    same_shape,
)
from tinydeploy.graph.invariants import broken, zero_point_of
from tinydeploy.graph.node import Constraint, Node
from tinydeploy.graph.op import Op, register_op

if TYPE_CHECKING:
    from tinydeploy.graph.graph import Graph

MAX_DEPTH: Final = 1 << 15
"""255^2 times this is below 2^31."""


def fractions(node: Node) -> bool:
    """Its output has a scale of 1/128 and a zero point of 0."""
    output = node.output_quantization
    return (output.scale, output.zero_point) == (1 / 128, 0)


def squares_fit(node: Node) -> bool:
    """Its last dimension has at most 2^15 elements."""
    return node.input(0).shape[-1] <= MAX_DEPTH


@register_op()
@dataclass(frozen=True, eq=False)
class L2Normalization(Op):
    """Every vector of `depth` consecutive elements divided by its length.

        squares = sum((input - input_zero_point)^2)
        output = clamp(multiply_double_rounding(input - input_zero_point, m, s + 7), -128, 127)

    m and s are 1 / sqrt(squares) in the fixed point of TFLite's GetInvSqrtQuantizedMultiplierExp.

    Args:
        depth: Length of a vector: the last dimension.
        input_zero_point: Zero point of the input.
    """

    builtin: ClassVar[str] = "L2_NORMALIZATION"
    constraints: ClassVar[tuple[Constraint, ...]] = (
        inputs_and_outputs(1),
        *ACTIVATION_CONSTRAINTS,
        same_shape,
        no_activation,
        fractions,
        squares_fit,
    )

    depth: int
    input_zero_point: int

    @classmethod
    def read(cls, node: Node) -> L2Normalization:
        """Makes the op from an operator whose constraints hold."""
        depth, zero_point = node.input(0).shape[-1], node.quantization(0).zero_point
        return cls(node.index, (node.inputs[0],), node.outputs, depth, zero_point)

    def verify(self, graph: Graph) -> list[str]:
        """The invariants of a normalization."""
        source, output = graph.tensors[self.inputs[0]], graph.tensors[self.outputs[0]]
        return broken(
            (source.shape == output.shape, "input and output have the same shape"),
            (source.shape[-1] == self.depth <= MAX_DEPTH, "a vector is the last dimension"),
            (zero_point_of(graph, self.inputs[0]) == self.input_zero_point, "zero points agree"),
            (output.affine == (1 / 128, 0), "the output has a scale of 1/128"),
        )
