"""What ADD, SUB, MUL, MAXIMUM and MINIMUM have in common: two operands, one perhaps constant."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from tinydeploy.errors import InternalError
from tinydeploy.graph.constraints import (
    activations_int8,
    batch_of_one,
    inputs_and_outputs,
    is_per_tensor_int8,
    is_per_tensor_int16,
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
    """An operation on two operands, that broadcast to the output.

    Each activation (`inputs` has one or two ids) has in each dimension of `Tensor.rows` the
    output's size or 1, and then its one row, pixel or channel serves for all. The second operand
    may be `constant`; `inputs` then has one id.

    Args:
        constant: Of the first operand's type, the second operand: [C], the same for every pixel, or
            [H, W, C]; None if it is an activation.
    """

    constant: NDArray[Any] | None

    def parameters(self) -> int:
        """Elements of the constant operand."""
        return 0 if self.constant is None else int(self.constant.size)

    def verify(self, graph: Graph) -> list[str]:
        """The invariants of the operands."""
        rows = graph.tensors[self.outputs[0]].rows
        operands = [graph.tensors[tensor].rows for tensor in self.inputs]
        constant = self.constant
        if constant is None:
            fits = len(operands) == 2 and all(repeats(operand, rows) for operand in operands)
        else:
            shapes = (rows[2:], rows)
            alike = constant.dtype == graph.tensors[self.inputs[0]].dtype
            whole = len(operands) == 1 and repeats(operands[0], rows)
            fits = whole and alike and constant.shape in shapes
        return broken((fits, "the operands broadcast to the output"))


@dataclass(frozen=True, eq=False)
class Operands:
    """The two operands of an operator in the order that `Elementwise` wants.

    Args:
        inputs: Ids of the activations: one or two.
        constant: As `Elementwise.constant`.
        first: Which input of the operator became the first operand: 0 or 1.
    """

    inputs: tuple[int, ...]
    constant: NDArray[Any] | None
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
    if not _broadcast(node.input(0), node.input(1), output):
        return None
    for first in (0, 1):
        one, other = node.input(first), node.input(1 - first)
        if one.data is not None:
            continue
        if other.data is None:
            if first == 0 and one.rows != output.rows == other.rows:
                continue  # the whole one first
            if all(fits_rows(operand, output) for operand in (one, other)):
                return Operands((node.inputs[first], node.inputs[1 - first]), None, first)
            continue
        if not fits_rows(one, output):
            continue
        constant = spread_constant(other.data, output)
        if constant is not None:
            return Operands((node.inputs[first],), constant, first)
    return None


def _broadcast(one: Tensor, other: Tensor, output: Tensor) -> bool:
    """Whether the output has the shape that the operands broadcast to."""
    try:
        return np.broadcast_shapes(one.shape, other.shape) == output.shape
    except ValueError:
        return False


def fits_rows(operand: Tensor, output: Tensor) -> bool:
    """Whether an activation that broadcasts to the output does so in `Tensor.rows`, too."""
    if operand.size == 1 or operand.rows == output.rows:
        return True
    # Of operands of fewer dimensions, vectors stand for channels.
    aligned = len(operand.shape) == len(output.shape) or operand.shape[-1] == operand.size
    return output.has_pixels and aligned


def repeats(rows: tuple[int, int, int], output: tuple[int, int, int]) -> bool:
    """Whether each of height, width and channels is the output's, or 1 and serves for all."""
    return all(own in (1, size) for own, size in zip(rows, output, strict=True))


def spread_constant(data: NDArray[np.generic], output: Tensor) -> NDArray[Any] | None:
    """A constant operand as `Elementwise.constant` has it; None where it does not broadcast."""
    try:
        spread = np.broadcast_to(data, output.shape).reshape(output.rows)
    except ValueError:
        return None
    if np.array_equal(spread, np.broadcast_to(spread[:1, :1], spread.shape)):
        spread = spread[0, 0]
    return np.ascontiguousarray(spread, data.dtype)


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


def constants_int16(node: Node) -> bool:
    """Its constant operand, if any, is int16 with a scale and a zero point like an activation's."""
    return all(
        is_per_tensor_int16(node.input(which))
        for which in (0, 1)
        if node.input(which).data is not None
    )


def operands_broadcast(node: Node) -> bool:
    """Its operands broadcast to the output; other than images and sequences by single values."""
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
