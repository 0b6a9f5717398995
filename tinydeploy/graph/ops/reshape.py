"""RESHAPE, SQUEEZE and EXPAND_DIMS: other dimensions for the same bytes."""

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
from tinydeploy.graph.op import TYPES, Op, register_op

if TYPE_CHECKING:
    from tinydeploy.graph.graph import Graph


def same_size(node: Node) -> bool:
    """Its output has as many elements as its input."""
    return node.input(0).size == node.output.size


@register_op("RESHAPE", "SQUEEZE", "EXPAND_DIMS", types=TYPES)
@dataclass(frozen=True, eq=False)
class Reshape(Op):
    """The input's bytes under another shape: the plan gives both tensors the same place."""

    builtin: ClassVar[str] = "RESHAPE"
    input_order: ClassVar[tuple[int, ...] | None] = (0,)  # the shape is the output's
    constraints: ClassVar[tuple[Constraint, ...]] = (
        inputs_and_outputs(1),
        *ACTIVATION_CONSTRAINTS,
        same_size,
        same_quantization,
    )

    @classmethod
    def read(cls, node: Node) -> Reshape:
        """Makes the op from an operator whose constraints hold."""
        return cls(node.index, (node.inputs[0],), node.outputs)

    def input_rows(self, graph: Graph, which: int, first: int, last: int) -> tuple[int, int]:
        """The same rows where rows mean the same bytes in both shapes, else all."""
        source, output = graph.tensors[self.inputs[0]].rows, graph.tensors[self.outputs[0]].rows
        if source[0] == output[0]:
            return first, last
        return 0, source[0]

    def verify(self, graph: Graph) -> list[str]:
        """The invariants of a reshape."""
        source, output = graph.tensors[self.inputs[0]], graph.tensors[self.outputs[0]]
        return broken(
            (source.size == output.size, "the output has as many elements as the input"),
            (
                quantize_alike(graph, (*self.inputs, *self.outputs)),
                "both ends quantize alike",
            ),
        )
