"""QUANTIZE from or to int16, RELU and RELU6 of int16."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, ClassVar, Final

import numpy as np

from tinydeploy.graph.constraints import (
    batch_of_one,
    first_is_activation,
    inputs_and_outputs,
    is_per_tensor_int8,
    is_per_tensor_int16,
    same_shape,
    shapes_known,
)
from tinydeploy.graph.fixed_point import activation_bounds, quantize_multiplier
from tinydeploy.graph.invariants import (
    broken,
    is_bounds,
    is_int16_bounds,
    is_multiplier,
    zero_point_of,
)
from tinydeploy.graph.node import Constraint, Node
from tinydeploy.graph.op import Op, register_op

if TYPE_CHECKING:
    from tinydeploy.graph.graph import Graph

MAX_SHIFT: Final = 14
"""An int16, or an int8 less its zero point, shifted left by this is below 2^30."""


def int8_or_int16(node: Node) -> bool:
    """Its input and output are int8 or int16, quantized as these are."""
    ends = (node.input(0), node.output)
    return all(is_per_tensor_int8(t) or is_per_tensor_int16(t) for t in ends)


def both_int16(node: Node) -> bool:
    """Its input and output are int16, both or neither; QUANTIZE may turn one into the other."""
    return node.builtin == "QUANTIZE" or node.input(0).dtype == node.output.dtype


def ratio_in_range(node: Node) -> bool:
    """Its input's scale is below 2^14 times its output's."""
    return node.quantization(0).scale / node.output_quantization.scale < 2.0**MAX_SHIFT


@register_op("QUANTIZE", "RELU", "RELU6", types=("int16",))
@dataclass(frozen=True, eq=False)
class Requantize(Op):
    """Another scale, zero point or type for the same real values, perhaps bounded.

        scaled = multiply_double_rounding(input - input_zero_point, multiplier, shift)
        output = clamp(scaled + output_zero_point, low, high)

    Args:
        function: The operation's name in TFLite's schema.
        input_zero_point: Zero point of the input.
        output_zero_point: Zero point of the output.
        multiplier: In [2^30, 2^31) or 0.
        shift: In [-31, 14].
        low: Lower bound of the output, within its type.
        high: Upper bound.
    """

    builtin: ClassVar[str] = "QUANTIZE"
    constraints: ClassVar[tuple[Constraint, ...]] = (
        inputs_and_outputs(1),
        first_is_activation,
        shapes_known,
        batch_of_one,
        int8_or_int16,
        both_int16,
        same_shape,
        ratio_in_range,
    )

    function: str
    input_zero_point: int
    output_zero_point: int
    multiplier: int
    shift: int
    low: int
    high: int

    @property
    def kind(self) -> str:
        """The operation's name in TFLite's schema."""
        return self.function

    @property
    def portable_kernel(self) -> str:
        """The kernel that reads and writes both types."""
        return "requantize"

    @classmethod
    def read(cls, node: Node) -> Requantize:
        """Makes the op from an operator whose constraints hold."""
        source, output = node.quantization(0), node.output_quantization
        real = source.scale / output.scale
        activation = "NONE"
        if node.builtin != "QUANTIZE":
            activation = node.builtin
            real = float(np.float32(source.scale) / np.float32(output.scale))
        multiplier, shift = quantize_multiplier(real)
        zero_point, dtype = output.zero_point, node.output.dtype
        low, high = activation_bounds(activation, output.scale, zero_point, dtype)
        return cls(
            index=node.index,
            inputs=(node.inputs[0],),
            outputs=node.outputs,
            function=node.builtin,
            input_zero_point=source.zero_point,
            output_zero_point=output.zero_point,
            multiplier=multiplier,
            shift=shift,
            low=low,
            high=high,
        )

    def verify(self, graph: Graph) -> list[str]:
        """The invariants of a requantization."""
        source, output = graph.tensors[self.inputs[0]], graph.tensors[self.outputs[0]]
        ends = zero_point_of(graph, self.inputs[0]), zero_point_of(graph, self.outputs[0])
        within = is_bounds if output.dtype == "int8" else is_int16_bounds
        return broken(
            (source.shape == output.shape, "input and output have the same shape"),
            (is_multiplier(self.multiplier, self.shift), "the multiplier is in range"),
            (self.shift <= MAX_SHIFT, "the shifted input fits an int32"),
            (ends == (self.input_zero_point, self.output_zero_point), "zero points agree"),
            (within(self.low, self.high), "the range of outputs is not empty"),
        )
