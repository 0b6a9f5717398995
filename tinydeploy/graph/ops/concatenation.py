"""CONCATENATION: activations one behind the other along one dimension."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, ClassVar

from tinydeploy.graph.constraints import (
    ACTIVATION_CONSTRAINTS,
    constants_alike,
    inputs_and_outputs,
    no_activation,
    same_quantization,
    some_input_computed,
)
from tinydeploy.graph.invariants import broken, quantize_alike
from tinydeploy.graph.movement import Walk, make_part
from tinydeploy.graph.node import Constraint, Node
from tinydeploy.graph.op import TYPES, Op, register_op
from tinydeploy.graph.ops.move import Move, list_sources, make_move

if TYPE_CHECKING:
    from tinydeploy.graph.graph import Graph


def axis_exists(node: Node) -> bool:
    """Its axis is one of its output's."""
    rank = len(node.output.shape)
    return -rank <= node.option("Axis") < rank


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


@register_op(types=TYPES)
@dataclass(frozen=True, eq=False)
class Concatenation(Op):
    """The inputs one behind the other; they and the output quantize alike, so bytes are copied.

    Args:
        axis: Dimension of `Tensor.rows` along which they lie: 0 height, 1 width, 2 channels.
    """

    builtin: ClassVar[str] = "CONCATENATION"
    constraints: ClassVar[tuple[Constraint, ...]] = (
        inputs_and_outputs(1, 64),
        some_input_computed,
        *ACTIVATION_CONSTRAINTS[1:],
        constants_alike,
        no_activation,
        same_quantization,
        axis_exists,
        concatenated_shape,
    )

    axis: int

    @classmethod
    def read(cls, node: Node) -> Op:
        """Makes the op from an operator whose constraints hold.

        A `Move` for constants among the inputs, for int16, and for other than images.
        """
        rank = len(node.output.shape)
        axis = node.option("Axis") % rank
        plain = node.dtype == "int8" and node.activations == node.inputs
        if plain and rank == 4 and axis > 0:
            return cls(node.index, node.inputs, node.outputs, axis - 1)
        output = node.output
        if plain and rank != 4 and output.size == output.shape[axis] == output.rows[2]:
            return cls(node.index, node.inputs, node.outputs, 2)
        parts, start = [], 0
        for source, tensor in list_sources(node):
            walks = [[Walk(n, d)] for d, n in enumerate(tensor.shape)]
            target = [start if d == axis else 0 for d in range(rank)]
            parts.append(make_part(source, tensor, node.output, walks, target=target))
            start += tensor.shape[axis]
        return make_move(Move, node, parts)

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
