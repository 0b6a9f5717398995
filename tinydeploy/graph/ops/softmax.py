"""SOFTMAX: the normalized exponential over the last dimension."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, ClassVar, Final

import numpy as np
from numpy.typing import NDArray

from tinydeploy.graph.constraints import (
    ACTIVATION_CONSTRAINTS,
    inputs_and_outputs,
    same_shape,
)
from tinydeploy.graph.exponential import INTEGER_BITS, exp_on_negative_values
from tinydeploy.graph.fixed_point import (
    INT8_MIN,
    INT32_MAX,
    multiply_double_rounding,
    quantize_multiplier,
)
from tinydeploy.graph.invariants import broken, is_array, zero_point_of
from tinydeploy.graph.node import Constraint, Node
from tinydeploy.graph.op import Op, register_op

if TYPE_CHECKING:
    from tinydeploy.graph.graph import Graph
    from tinydeploy.graph.ops.log_softmax import LogSoftmax

MAX_DEPTH: Final = 4095
"""The sum of `MAX_DEPTH` exponentials, each at most 2^19 in Q12.19, fits in an int32."""


def probabilities(node: Node) -> bool:
    """Its output has a scale of 1/256 and a zero point of -128."""
    output = node.output_quantization
    return abs(output.scale - 1 / 256) <= 0.001 / 256 and output.zero_point == -128


def depth_in_range(node: Node) -> bool:
    """Its last dimension has at most 4095 elements."""
    return node.input(0).shape[-1] <= MAX_DEPTH


def multiplier_in_range(node: Node) -> bool:
    """Its beta times the input's scale is above 2^-26."""
    return difference_multiplier(node) > 1


@register_op()
@dataclass(frozen=True, eq=False)
class Softmax(Op):
    """Softmax of every vector of `depth` consecutive elements; scale 1/256, zero point -128.

    In TFLite's fixed point (kernels/internal/reference/softmax.h), with d = max(inputs) - input,
    which is in [0, 255]:

        sum = sum(rounding_divide_by_pot(exponentials[d], 12))      Q12.19, below 2^31
        headroom = leading zero bits of sum
        x = (sum << headroom) - 2^31                                Q0.31, in [0, 1)
        scale = one_over_one_plus_x(x)                              Q0.31, three Newton steps
        product = saturating_rounding_doubling_high_mul(scale, exponentials[d])
        output = clamp(rounding_divide_by_pot(product, 35 - headroom) - 128, -128, 127)

    Where headroom < 4 (the exponentials add up to 512 or more) every output is below 1/2 and so
    -128. The reference aborts there.

    Args:
        depth: Length of a vector: the last dimension.
        input_multiplier: Multiplier of the difference, real value above 1.
        input_left_shift: Its shift, 0 to 31.
        diff_min: Differences (input - max) below this count as minus infinity.
        exponentials: int32 [256], Q0.31: exp(-d * scale * beta), 0 below `diff_min`. What the
            reference computes from the three numbers above for every difference.
    """

    builtin: ClassVar[str] = "SOFTMAX"
    constraints: ClassVar[tuple[Constraint, ...]] = (
        inputs_and_outputs(1),
        *ACTIVATION_CONSTRAINTS,
        same_shape,
        probabilities,
        depth_in_range,
        multiplier_in_range,
    )

    depth: int
    input_multiplier: int
    input_left_shift: int
    diff_min: int
    exponentials: NDArray[np.int32]

    @classmethod
    def read(cls, node: Node) -> Softmax:
        """Makes the op from an operator whose constraints hold."""
        return cls(
            index=node.index,
            inputs=(node.inputs[0],),
            outputs=node.outputs,
            depth=node.input(0).shape[-1],
            **read_exponentials(difference_multiplier(node)),
        )

    def verify(self, graph: Graph) -> list[str]:
        """The invariants of a softmax."""
        end = zero_point_of(graph, self.outputs[0])
        return exponential_problems(self, graph) + broken(
            (end == INT8_MIN, "the output's zero point is -128")
        )


def exponential_problems(op: Softmax | LogSoftmax, graph: Graph) -> list[str]:
    """The invariants that SOFTMAX and LOG_SOFTMAX have in common."""
    source, output = graph.tensors[op.inputs[0]], graph.tensors[op.outputs[0]]
    return broken(
        (source.shape == output.shape, "input and output have the same shape"),
        (source.shape[-1] == op.depth <= MAX_DEPTH, "a vector is the last dimension"),
        (is_array(op.exponentials, np.int32, (256,)), "there are 256 int32 exponentials"),
        (bool((op.exponentials >= 0).all()), "exponentials are not negative"),
        (int(op.exponentials[0]) == INT32_MAX, "exp(0) is the largest Q0.31"),
    )


def read_exponentials(real: float) -> dict[str, Any]:
    """The attributes that make exponentials of differences; `real` brings these to Q5.26."""
    multiplier, shift = quantize_multiplier(min(real, 2.0**31 - 1))
    # The largest difference that, rescaled, stays within 5 integer bits.
    radius = (((1 << INTEGER_BITS) - 1) << (31 - INTEGER_BITS)) >> shift
    differences = -np.arange(256, dtype=np.int64)
    used = differences >= -radius
    # |difference| * 2^shift <= 31 * 2^26 < 2^31 where it is used.
    rescaled = multiply_double_rounding(np.where(used, differences, 0), multiplier, shift)
    return {
        "input_multiplier": multiplier,
        "input_left_shift": shift,
        "diff_min": -radius,
        "exponentials": np.where(used, exp_on_negative_values(rescaled), 0).astype(np.int32),
    }


def difference_multiplier(node: Node) -> float:
    """The real multiplier from a difference of inputs to Q5.26."""
    return (
        float(node.options.get("Beta", 1.0))
        * node.quantization(0).scale
        * 2.0 ** (31 - INTEGER_BITS)
    )
