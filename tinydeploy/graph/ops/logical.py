"""LOGICAL_AND, LOGICAL_OR and LOGICAL_NOT of truth values."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, ClassVar

from tinydeploy.graph.constraints import (
    batch_of_one,
    first_is_activation,
    inputs_and_outputs,
    same_shape,
    shapes_known,
)
from tinydeploy.graph.elementwise import (
    Elementwise,
    operands_broadcast,
    read_operands,
    some_operand_computed,
)
from tinydeploy.graph.invariants import broken
from tinydeploy.graph.node import Constraint, Node
from tinydeploy.graph.op import Op, register_op
from tinydeploy.graph.tensor import TRUTH

if TYPE_CHECKING:
    from tinydeploy.graph.graph import Graph


def truth_values(node: Node) -> bool:
    """Its inputs and its output are truth values."""
    inputs = [node.input(which) for which in range(len(node.inputs))]
    return all(tensor.dtype == TRUTH for tensor in (*inputs, node.output))


@register_op("LOGICAL_AND", "LOGICAL_OR")
@dataclass(frozen=True, eq=False)
class Logical(Elementwise):
    """The smaller, or the larger, of two bytes of 0 or 1.

    Args:
        function: The operation's name in TFLite's schema.
    """

    builtin: ClassVar[str] = "LOGICAL"
    constraints: ClassVar[tuple[Constraint, ...]] = (
        inputs_and_outputs(2),
        some_operand_computed,
        truth_values,
        shapes_known,
        batch_of_one,
        operands_broadcast,
    )

    function: str

    @property
    def kind(self) -> str:
        """The operation's name in TFLite's schema."""
        return self.function

    @property
    def portable_kernel(self) -> str:
        """Stem of the kernel in plain C."""
        return "minimum_s8" if self.function == "LOGICAL_AND" else "maximum_s8"

    @classmethod
    def read(cls, node: Node) -> Op:
        """Makes the op from an operator whose constraints hold."""
        operands = read_operands(node)
        return cls(node.index, operands.inputs, node.outputs, operands.constant, node.builtin)

    def verify(self, graph: Graph) -> list[str]:
        """The invariants of the operands."""
        return super().verify(graph) + _wrong_types(self, graph)


@register_op()
@dataclass(frozen=True, eq=False)
class LogicalNot(Op):
    """1 in place of 0, and the reverse."""

    builtin: ClassVar[str] = "LOGICAL_NOT"
    constraints: ClassVar[tuple[Constraint, ...]] = (
        inputs_and_outputs(1),
        first_is_activation,
        truth_values,
        shapes_known,
        batch_of_one,
        same_shape,
    )

    @property
    def portable_kernel(self) -> str:
        """Stem of the kernel in plain C."""
        return "logical_not_s8"

    @classmethod
    def read(cls, node: Node) -> Op:
        """Makes the op from an operator whose constraints hold."""
        return cls(node.index, node.inputs, node.outputs)

    def verify(self, graph: Graph) -> list[str]:
        """The invariants of a negation."""
        source, output = graph.tensors[self.inputs[0]], graph.tensors[self.outputs[0]]
        alike = (source.shape == output.shape, "input and output have the same shape")
        return broken(alike) + _wrong_types(self, graph)


def _wrong_types(op: Op, graph: Graph) -> list[str]:
    truths = all(graph.tensors[t].dtype == TRUTH for t in (*op.inputs, *op.outputs))
    return broken((truths, "inputs and output are truth values"))
