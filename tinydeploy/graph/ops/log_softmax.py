"""LOG_SOFTMAX: the logarithm of the normalized exponential over the last dimension."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, ClassVar

import numpy as np
from numpy.typing import NDArray

from tinydeploy.graph.constraints import ACTIVATION_CONSTRAINTS, inputs_and_outputs, same_shape
from tinydeploy.graph.fixed_point import quantize_multiplier
from tinydeploy.graph.invariants import broken, is_multiplier, zero_point_of
from tinydeploy.graph.node import Constraint, Node
from tinydeploy.graph.op import Op, register_op
from tinydeploy.graph.ops.softmax import (
    depth_in_range,
    difference_multiplier,
    exponential_problems,
    multiplier_in_range,
    read_exponentials,
)

if TYPE_CHECKING:
    from tinydeploy.graph.graph import Graph

_ZERO_POINT = 127


def logarithms(node: Node) -> bool:
    """Its output has a scale of 1/16 and a zero point of 127."""
    output = node.output_quantization
    return output.scale == 1 / 16 and output.zero_point == _ZERO_POINT


@register_op()
@dataclass(frozen=True, eq=False)
class LogSoftmax(Op):
    """Log-softmax of every vector of `depth` consecutive elements; scale 1/16, zero point 127.

    In TFLite's fixed point (reference/integer_ops/log_softmax.h), with d = max(inputs) - input:

        sum = sum(rounding_divide_by_pot(exponentials[d], 12))      Q12.19, below 2^31
        log_sum = logarithm(sum)                                    Q5.26
        scaled = multiply_double_rounding(-d, input_multiplier, input_left_shift)   Q5.26
        output = clamp(rounding_divide_by_pot(scaled - log_sum, 22) + 127, -128, 127)

    and -128 where -d is not above the larger of diff_min - 1 and what reverse_multiplier and
    reverse_shift make of log_sum - 2^31: there the difference would leave Q5.26.

    Args:
        depth: Length of a vector: the last dimension.
        input_multiplier: Multiplier of the difference, real value above 1.
        input_left_shift: Its shift, 1 to 31.
        diff_min: Differences (input - max) below this count as minus infinity.
        exponentials: int32 [256], as of `Softmax`.
        reverse_multiplier: Multiplier from Q5.26 back to differences, real value below 1.
        reverse_shift: Its shift, at most 0.
    """

    builtin: ClassVar[str] = "LOG_SOFTMAX"
    constraints: ClassVar[tuple[Constraint, ...]] = (
        inputs_and_outputs(1),
        *ACTIVATION_CONSTRAINTS,
        same_shape,
        logarithms,
        depth_in_range,
        multiplier_in_range,
    )

    depth: int
    input_multiplier: int
    input_left_shift: int
    diff_min: int
    exponentials: NDArray[np.int32]
    reverse_multiplier: int
    reverse_shift: int

    @classmethod
    def read(cls, node: Node) -> LogSoftmax:
        """Makes the op from an operator whose constraints hold."""
        made = read_exponentials(difference_multiplier(node))
        reverse = 2.0 ** (31 - made["input_left_shift"]) / made["input_multiplier"]
        multiplier, shift = quantize_multiplier(reverse)
        return cls(
            index=node.index,
            inputs=(node.inputs[0],),
            outputs=node.outputs,
            depth=node.input(0).shape[-1],
            reverse_multiplier=multiplier,
            reverse_shift=shift,
            **made,
        )

    def verify(self, graph: Graph) -> list[str]:
        """The invariants of a log-softmax."""
        forward, back = self.input_left_shift, self.reverse_shift
        return exponential_problems(self, graph) + broken(
            (1 <= forward <= 31 and 1 << 30 <= self.input_multiplier < 1 << 31, "it is above 1"),
            (is_multiplier(self.reverse_multiplier, back) and back <= 0, "its inverse is below"),
            (zero_point_of(graph, self.outputs[0]) == _ZERO_POINT, "the output's is 127"),
        )
