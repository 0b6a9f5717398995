"""SELECT and SELECT_V2: one of two values, as a truth value says."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, ClassVar

import numpy as np
from numpy.typing import NDArray

from tinydeploy.errors import InternalError
from tinydeploy.graph.constraints import (
    batch_of_one,
    inputs_and_outputs,
    is_per_tensor_int8,
    shapes_known,
    some_input_computed,
)
from tinydeploy.graph.elementwise import fits_rows, repeats, spread_constant
from tinydeploy.graph.invariants import broken, quantize_alike
from tinydeploy.graph.node import Constraint, Node
from tinydeploy.graph.op import Op, register_op
from tinydeploy.graph.tensor import TRUTH

if TYPE_CHECKING:
    from tinydeploy.graph.graph import Graph

Operand = NDArray[Any] | None


def chooses_int8(node: Node) -> bool:
    """Its first input are truth values, the others and its output int8 of one scale, zero point."""
    condition, *values = [node.input(which) for which in range(3)]
    output = node.output.quantization
    return condition.dtype == TRUTH and all(
        is_per_tensor_int8(tensor)
        and tensor.quantization is not None
        and output is not None
        and (tensor.quantization.scales, tensor.quantization.zero_points)
        == (output.scales, output.zero_points)
        for tensor in (*values, node.output)
    )


def three_broadcast(node: Node) -> bool:
    """Its inputs broadcast to the output; other than images and sequences by single values."""
    return _read_operands(node) is not None


def alike_for_select(node: Node) -> bool:
    """Its inputs and output, if of SELECT, have one shape, but for a single truth value."""
    condition, one, other = [node.input(which) for which in range(3)]
    same = one.shape == other.shape == node.output.shape
    single = condition.size == 1 and len(condition.shape) < 2
    return node.builtin != "SELECT" or (same and (single or condition.shape == one.shape))


@register_op("SELECT", "SELECT_V2")
@dataclass(frozen=True, eq=False)
class Select(Op):
    """The second operand where the first one, the condition, is 1, else the third.

    Each operand is an activation, which has in each dimension of `Tensor.rows` the output's size or
    1, and then its one row, pixel or channel serves for all; or a constant.

    Args:
        function: The operation's name in TFLite's schema.
        constants: For each of the three, its values: [C], the same for every pixel, or [H, W, C];
            None for an activation. `inputs` are the activations in order.
    """

    builtin: ClassVar[str] = "SELECT"
    constraints: ClassVar[tuple[Constraint, ...]] = (
        inputs_and_outputs(3),
        some_input_computed,
        chooses_int8,
        shapes_known,
        batch_of_one,
        alike_for_select,
        three_broadcast,
    )

    function: str
    constants: tuple[Operand, Operand, Operand]

    @property
    def kind(self) -> str:
        """The operation's name in TFLite's schema."""
        return self.function

    @classmethod
    def read(cls, node: Node) -> Select:
        """Makes the op from an operator whose constraints hold."""
        constants = _read_operands(node)
        if constants is None:
            raise InternalError(f"{node.label} has operands that do not broadcast")
        return cls(node.index, node.activations, node.outputs, node.builtin, constants)

    def parameters(self) -> int:
        """Elements of the constant operands."""
        return sum(int(values.size) for values in self.constants if values is not None)

    def verify(self, graph: Graph) -> list[str]:
        """The invariants of a choice."""
        output, ids = graph.tensors[self.outputs[0]], iter(self.inputs)
        operands = [next(ids, None) if data is None else data for data in self.constants]
        fits, dtypes = [], []
        for operand in operands:
            if isinstance(operand, np.ndarray):
                fits.append(operand.shape in (output.rows[2:], output.rows))
                dtypes.append(operand.dtype.name)
            elif operand is not None:
                fits.append(repeats(graph.tensors[operand].rows, output.rows))
                dtypes.append(graph.tensors[operand].dtype)
        chosen = [t for t in self.inputs if graph.tensors[t].dtype != TRUTH]
        return broken(
            (next(ids, None) is None, "what is not constant is an input"),
            (dtypes == [TRUTH, "int8", "int8"], "truth values choose between int8"),
            (all(fits), "the operands broadcast to the output"),
            (quantize_alike(graph, (*chosen, *self.outputs)), "operands and output quantize alike"),
        )


def _read_operands(node: Node) -> tuple[Operand, Operand, Operand] | None:
    """The constants among the operands; None where shapes are beyond `Select`."""
    tensors = [node.input(which) for which in range(3)]
    try:
        if np.broadcast_shapes(*(tensor.shape for tensor in tensors)) != node.output.shape:
            return None
    except ValueError:
        return None
    constants: list[Operand] = []
    for tensor in tensors:
        values = None if tensor.data is None else spread_constant(tensor.data, node.output)
        if values is None and (tensor.data is not None or not fits_rows(tensor, node.output)):
            return None
        constants.append(values)
    return constants[0], constants[1], constants[2]
