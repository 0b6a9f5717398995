"""MAXIMUM and MINIMUM of int16 activations."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, ClassVar

from tinydeploy.graph.constraints import same_quantization
from tinydeploy.graph.elementwise import ELEMENTWISE_CONSTRAINTS, Elementwise, read_operands
from tinydeploy.graph.invariants import broken, quantize_alike
from tinydeploy.graph.node import Constraint, Node
from tinydeploy.graph.op import register_op

if TYPE_CHECKING:
    from tinydeploy.graph.graph import Graph


@register_op("MAXIMUM", "MINIMUM", types=("int16",))
@dataclass(frozen=True, eq=False)
class ExtremumWide(Elementwise):
    """One of two int16 values; operands and output quantize alike.

    Args:
        function: The operation's name in TFLite's schema.
    """

    builtin: ClassVar[str] = "MAXIMUM"
    constraints: ClassVar[tuple[Constraint, ...]] = (*ELEMENTWISE_CONSTRAINTS, same_quantization)

    function: str

    @property
    def kind(self) -> str:
        """The operation's name in TFLite's schema."""
        return self.function

    @property
    def portable_kernel(self) -> str:
        """The kernel of int16."""
        return f"{self.function.lower()}_s16"

    @classmethod
    def read(cls, node: Node) -> ExtremumWide:
        """Makes the op from an operator whose constraints hold."""
        operands = read_operands(node)
        return cls(node.index, operands.inputs, node.outputs, operands.constant, node.builtin)

    def verify(self, graph: Graph) -> list[str]:
        """The invariants of the operands and their quantization."""
        alike = quantize_alike(graph, (*self.inputs, *self.outputs))
        return super().verify(graph) + broken((alike, "operands and output quantize alike"))
