"""CONCATENATION: activations one behind the other along one dimension."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, ClassVar

from tinydeploy.graph.node import Node
from tinydeploy.graph.op import Op, register_op

if TYPE_CHECKING:
    from tinydeploy.graph.graph import Graph


@register_op()
@dataclass(frozen=True, eq=False)
class Concatenation(Op):
    """The inputs one behind the other; all of them and the output quantize alike, so bytes are copied.

    Args:
        axis: Dimension of `Tensor.rows` along which they lie: 0 height, 1 width, 2 channels.
    """

    builtin: ClassVar[str] = "CONCATENATION"

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
