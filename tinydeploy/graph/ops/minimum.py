"""MINIMUM: the smaller of two activations, or of an activation and a constant."""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar

from tinydeploy.errors import InternalError
from tinydeploy.graph.elementwise import Elementwise, read_operands
from tinydeploy.graph.node import Node
from tinydeploy.graph.op import register_op


@register_op()
@dataclass(frozen=True, eq=False)
class Minimum(Elementwise):
    """output = min(operand[0], operand[1]) on quantized values: operands and output quantize alike."""

    builtin: ClassVar[str] = "MINIMUM"

    @classmethod
    def read(cls, node: Node) -> Minimum:
        """Makes the op from an operator whose constraints hold."""
        operands = read_operands(node)
        if operands is None:
            raise InternalError(f"{node.label}: operands that do not broadcast")
        return cls(node.index, operands.inputs, node.outputs, operands.constant)
