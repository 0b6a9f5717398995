"""CONCATENATION: activations one behind the other along one dimension."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, ClassVar

from tinydeploy.graph.constraints import (
    ACTIVATION_CONSTRAINTS,
    inputs_and_outputs,
    same_quantization,
)
from tinydeploy.graph.invariants import broken, quantize_alike
from tinydeploy.graph.node import Constraint, Node
from tinydeploy.graph.op import Op, register_op

if TYPE_CHECKING:
    from tinydeploy.graph.graph import Graph


def inputs_computed(node: Node) -> bool:
    """All its inputs are computed or given, none is constant."""
    return len(node.activations) == len(node.inputs)


def no_activation(node: Node) -> bool:
    """It has no fused activation function."""
    return node.activation == "NONE"


def axis_in_rows(node: Node) -> bool:
    """Its axis is height, width or channels of NHWC tensors, or the last of [1, n] or [n]."""
    rank = len(node.output.shape)
    axis = node.option("Axis")
    if not -rank <= axis < rank:
        return False
    if rank == 4:
        return axis % rank != 0
    return axis % rank == rank - 1 and node.output.size == node.output.shape[-1]


def concatenated_shape(node: Node) -> bool:
    """Its inputs agree in all dimensions but the axis, and along it they add up to the output."""
    output = node.output.shape
    axis = node.option("Axis") % len(output)
    shapes = [node.input(which).shape for which in range(len(node.inputs))]
    return all(
        len(shape) == len(output)
        and all(shape[d] == size for d, size in enumerate(output) if d != axis)
        for shape in shapes
    ) and output[axis] == sum(shape[axis] for shape in shapes)


@register_op()
@dataclass(frozen=True, eq=False)
class Concatenation(Op):
    """The inputs one behind the other; they and the output quantize alike, so bytes are copied.

    Args:
        axis: Dimension of `Tensor.rows` along which they lie: 0 height, 1 width, 2 channels.
    """

    builtin: ClassVar[str] = "CONCATENATION"
    constraints: ClassVar[tuple[Constraint, ...]] = (
        inputs_and_outputs(1, 64),
        *ACTIVATION_CONSTRAINTS,
        inputs_computed,
        no_activation,
        same_quantization,
        axis_in_rows,
        concatenated_shape,
    )

    axis: int

    @classmethod
    def read(cls, node: Node) -> Concatenation:
        """Makes the op from an operator whose constraints hold."""
        rank = len(node.output.shape)
        axis = node.option("Axis") % rank
        return cls(node.index, node.inputs, node.outputs, axis - 1 if rank == 4 else 2)

    def input_rows(self, graph: Graph, which: int, first: int, last: int) -> tuple[int, int]:
        """The same rows, or those of this input among them; empty where it has none of them."""
        if self.axis != 0:
            return first, last
        start = sum(graph.tensors[t].rows[0] for t in self.inputs[:which])
        height = graph.tensors[self.inputs[which]].rows[0]
        begin, end = max(first - start, 0), min(last - start, height)
        return (begin, end) if begin < end else (0, 0)

    def verify(self, graph: Graph) -> list[str]:
        """The invariants of a concatenation."""
        if not 0 <= self.axis <= 2:
            return ["the axis is height, width or channels"]
        output = graph.tensors[self.outputs[0]].rows
        inputs = [graph.tensors[t].rows for t in self.inputs]
        others = [d for d in range(3) if d != self.axis]
        return broken(
            (all(rows[d] == output[d] for rows in inputs for d in others), "the inputs agree"),
            (sum(rows[self.axis] for rows in inputs) == output[self.axis], "the output fits"),
            (
                quantize_alike(graph, (*self.inputs, *self.outputs)),
                "all ends quantize alike",
            ),
        )
