"""RESHAPE, SQUEEZE and EXPAND_DIMS: other dimensions for the same bytes."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, ClassVar

from tinydeploy.graph.node import Node
from tinydeploy.graph.op import Op, register_op

if TYPE_CHECKING:
    from tinydeploy.graph.graph import Graph


@register_op("RESHAPE", "SQUEEZE", "EXPAND_DIMS")
@dataclass(frozen=True, eq=False)
class Reshape(Op):
    """The input's bytes under another shape. Nothing is computed: the plan gives both tensors the same place."""

    builtin: ClassVar[str] = "RESHAPE"

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
