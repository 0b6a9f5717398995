"""READ_VARIABLE and ASSIGN_VARIABLE: values that one inference leaves for the next."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, ClassVar

import numpy as np
from numpy.typing import NDArray

from tinydeploy.graph.constraints import (
    activations_int8,
    batch_of_one,
    first_is_activation,
    inputs_and_outputs,
    shapes_known,
)
from tinydeploy.graph.invariants import broken
from tinydeploy.graph.node import Constraint, Node
from tinydeploy.graph.op import TYPES, Op, register_op
from tinydeploy.graph.variables import initial_bytes

if TYPE_CHECKING:
    from tinydeploy.graph.graph import Graph


def starts_with_constants(node: Node) -> bool:
    """Its variable is initialized by CALL_ONCE with a constant of its output's shape and type."""
    initial = node.input(0)
    return (
        initial.data is not None
        and initial.dtype == node.output.dtype
        and initial.shape == node.output.shape
    )


def same_values(node: Node) -> bool:
    """Its value has the shape, type, scale and zero point of what is read."""
    new, old = node.input(0), node.input(1)
    alike = new.shape == old.shape and new.dtype == old.dtype
    return alike and new.quantization == old.quantization


@register_op(types=TYPES)
@dataclass(frozen=True, eq=False)
class ReadVariable(Op):
    """The bytes that the last inference assigned to a variable; in the first one, `initial`.

    It has no input. The state is the difference from the initial values, byte by byte modulo 256:
    so zeros are right at first and after a reset.

    Args:
        initial: int8 [bytes of the output].
    """

    builtin: ClassVar[str] = "READ_VARIABLE"
    has_state: ClassVar[bool] = True
    constraints: ClassVar[tuple[Constraint, ...]] = (
        inputs_and_outputs(1),
        activations_int8,
        shapes_known,
        batch_of_one,
        starts_with_constants,
    )

    initial: NDArray[np.int8]

    @classmethod
    def read(cls, node: Node) -> ReadVariable:
        """Makes the op from an operator whose constraints hold."""
        return cls(node.index, (), node.outputs, initial_bytes(node.input(0)))

    @property
    def state_bytes(self) -> int:
        """The variable."""
        return self.initial.size

    def verify(self, graph: Graph) -> list[str]:
        """The invariants of a reading."""
        output = graph.tensors[self.outputs[0]]
        return broken(
            (not self.inputs, "it has no input"),
            (self.initial.dtype == np.int8, "initial values are bytes"),
            (self.initial.size == output.size_bytes, "there is an initial value for each byte"),
        )


@register_op(types=TYPES)
@dataclass(frozen=True, eq=False)
class AssignVariable(Op):
    """Leaves its first input for the next inference to read.

    Its second input is what this inference has read, which must be complete by then. Its output has
    one element and no meaning.
    """

    builtin: ClassVar[str] = "ASSIGN_VARIABLE"
    constraints: ClassVar[tuple[Constraint, ...]] = (  # `join_variables` has made its ends
        first_is_activation,
        activations_int8,
        shapes_known,
        batch_of_one,
        same_values,
    )

    @classmethod
    def read(cls, node: Node) -> AssignVariable:
        """Makes the op from an operator whose constraints hold."""
        return cls(node.index, node.inputs, node.outputs)

    @property
    def keeper(self) -> int:
        """What the op that keeps the variable makes."""
        return self.inputs[1]

    def input_rows(self, graph: Graph, which: int, first: int, last: int) -> tuple[int, int]:
        """All rows."""
        return 0, graph.tensors[self.inputs[which]].rows[0]

    def verify(self, graph: Graph) -> list[str]:
        """The invariants of an assignment."""
        new, old = (graph.tensors[tensor] for tensor in self.inputs)
        makers = [op for op in graph.ops if self.keeper in op.outputs]
        return broken(
            (new.rows == old.rows and new.dtype == old.dtype, "both inputs are alike"),
            (graph.tensors[self.outputs[0]].size == 1, "the output has one element"),
            (all(isinstance(op, ReadVariable) for op in makers), "it assigns what was read"),
        )
