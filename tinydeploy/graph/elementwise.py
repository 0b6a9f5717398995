"""What ADD, SUB, MUL, MAXIMUM and MINIMUM have in common: two operands, one perhaps constant."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from tinydeploy.errors import InternalError
from tinydeploy.graph.constraints import (
    activations_int8,
    batch_of_one,
    inputs_and_outputs,
    is_per_tensor_int8,
    shapes_known,
)
from tinydeploy.graph.invariants import broken
from tinydeploy.graph.node import Constraint, Node
from tinydeploy.graph.op import Op
from tinydeploy.graph.tensor import Tensor

if TYPE_CHECKING:
    from tinydeploy.graph.graph import Graph


@dataclass(frozen=True, eq=False)
class Elementwise(Op):
    """An operation on two operands. The first always has the output's shape.

    The second is one of:

    * an activation (`inputs` has two ids) of the output's shape,
    * an activation of one row of width 1, with the output's channels or with one channel:
      broadcast,
    * `constant` (`inputs` has one id).

    Args:
        constant: int8, the second operand: [C], the same for every pixel, or [H, W, C]; None if it
            is an activation.
    """

    constant: NDArray[np.int8] | None

    def parameters(self) -> int:
        """Elements of the constant operand."""
        return 0 if self.constant is None else int(self.constant.size)

    def verify(self, graph: Graph) -> list[str]:
        """The invariants of the operands."""
        rows = graph.tensors[self.outputs[0]].rows
        constant = self.constant
        if constant is None:
            two = len(self.inputs) == 2
            other = graph.tensors[self.inputs[-1]].rows
            pixel = other[:2] == (1, 1) and other[2] in (1, rows[2])
            fits = two and (other == rows or pixel)
        else:
            shapes = (rows[2:], rows)
            fits = len(self.inputs) == 1 and constant.dtype == np.int8 and constant.shape in shapes
        return broken(
            (
                graph.tensors[self.inputs[0]].rows == rows,
                "the first operand has all rows",
            ),
            (fits, "the second operand broadcasts to the output"),
        )


@dataclass(frozen=True, eq=False)
class Operands:
    """The two operands of an operator in the order that `Elementwise` wants.

    Args:
        inputs: Ids of the activations: one or two.
        constant: As `Elementwise.constant`.
        first: Which input of the operator became the first operand: 0 or 1.
    """

    inputs: tuple[int, ...]
    constant: NDArray[np.int8] | None
    first: int


def read_operands(node: Node) -> Operands:
    """The operands of an operator whose constraints hold."""
    operands = _order_operands(node)
    if operands is None:
        raise InternalError(f"{node.label} has operands that do not broadcast")
    return operands


def _order_operands(node: Node) -> Operands | None:
    """Orders the operands of an operator; None where their shapes are beyond `Elementwise`."""
    output = node.output
    for first in (0, 1):
        one, other = node.input(first), node.input(1 - first)
        if one.data is not None or one.rows != output.rows:
            continue
        if other.data is None:
            if _broadcasts(other, output):
                return Operands((node.inputs[first], node.inputs[1 - first]), None, first)
            continue
        constant = _spread_constant(other.data, output)
        if constant is not None:
            return Operands((node.inputs[first],), constant, first)
    return None


def _broadcasts(operand: Tensor, output: Tensor) -> bool:
    """Whether an activation has the output's shape, or is one pixel to be repeated."""
    height, width, channels = operand.rows
    if len(operand.shape) == len(output.shape):
        return operand.shape == output.shape or (
            (height, width) == (1, 1) and channels in (1, output.rows[2]) and len(output.shape) == 4
        )
    # A vector of another rank is aligned with the last dimension: with the channels if the output
    # is NHWC.
    return operand.size == 1 or (
        len(output.shape) == 4 and operand.shape[-1:] == output.shape[-1:] == (operand.size,)
    )


def _spread_constant(data: NDArray[np.generic], output: Tensor) -> NDArray[np.int8] | None:
    try:
        spread = np.broadcast_to(data, output.shape).reshape(output.rows)
    except ValueError:
        return None
    if np.array_equal(spread, np.broadcast_to(spread[:1, :1], spread.shape)):
        spread = spread[0, 0]
    return np.ascontiguousarray(spread, np.int8)


def some_operand_computed(node: Node) -> bool:
    """One of its operands at least is computed or given, not constant."""
    return all(node.has_input(which) for which in (0, 1)) and bool(node.activations)


def constants_int8(node: Node) -> bool:
    """Its constant operand, if any, is int8 with a scale and a zero point like an activation's."""
    return all(
        is_per_tensor_int8(node.input(which))
        for which in (0, 1)
        if node.input(which).data is not None
    )


def operands_broadcast(node: Node) -> bool:
    """One operand has the output's shape; the other too, or it is a constant or one pixel."""
    return _order_operands(node) is not None


ELEMENTWISE_CONSTRAINTS: tuple[Constraint, ...] = (
    inputs_and_outputs(2),
    some_operand_computed,
    activations_int8,
    shapes_known,
    batch_of_one,
    constants_int8,
    operands_broadcast,
)
"""Constraints of every operation on two operands."""
