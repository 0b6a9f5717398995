"""What MAXIMUM and MINIMUM have in common."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, ClassVar, Self

from tinydeploy.graph.constraints import same_quantization
from tinydeploy.graph.elementwise import ELEMENTWISE_CONSTRAINTS, Elementwise, read_operands
from tinydeploy.graph.invariants import broken, quantize_alike
from tinydeploy.graph.node import Constraint, Node

if TYPE_CHECKING:
    from tinydeploy.graph.graph import Graph


@dataclass(frozen=True, eq=False)
class Extremum(Elementwise):
    """One of two quantized values; operands and output quantize alike."""

    constraints: ClassVar[tuple[Constraint, ...]] = (*ELEMENTWISE_CONSTRAINTS, same_quantization)

    @classmethod
    def read(cls, node: Node) -> Self:
        """Makes the op from an operator whose constraints hold."""
        operands = read_operands(node)
        return cls(node.index, operands.inputs, node.outputs, operands.constant)

    def parameters(self) -> int:
        """Bounds are not weights, here as in a layer that a pass has folded them into."""
        return 0

    def verify(self, graph: Graph) -> list[str]:
        """The invariants of the operands and their quantization."""
        alike = quantize_alike(graph, (*self.inputs, *self.outputs))
        return super().verify(graph) + broken((alike, "operands and output quantize alike"))
