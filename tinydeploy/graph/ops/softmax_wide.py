"""SOFTMAX of int16 activations, over the last dimension."""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass
from typing import TYPE_CHECKING, ClassVar, Final

import numpy as np
from numpy.typing import NDArray

from tinydeploy.graph.constraints import ACTIVATION_CONSTRAINTS, inputs_and_outputs, same_shape
from tinydeploy.graph.fixed_point import INT16_MAX, INT16_MIN, quantize_multiplier, round_away
from tinydeploy.graph.invariants import broken, is_array, is_multiplier
from tinydeploy.graph.node import Constraint, Node
from tinydeploy.graph.op import Op, register_op
from tinydeploy.graph.ops.sigmoid_wide import output_of_one

if TYPE_CHECKING:
    from tinydeploy.graph.graph import Graph

_STEPS: Final = 512
MAX_DEPTH: Final = 65535
MAX_SHIFT: Final = 14
"""A difference below 2^16, shifted left by this, is below 2^30."""


def wide_depth_in_range(node: Node) -> bool:
    """Its last dimension has at most 65535 elements."""
    return node.input(0).shape[-1] <= MAX_DEPTH


def wide_multiplier_in_range(node: Node) -> bool:
    """Its beta times the input's scale is above 0 and below 2."""
    return 2.0**-32 < _difference_multiplier(node) < 2.0**MAX_SHIFT


@register_op(types=("int16",))
@dataclass(frozen=True, eq=False)
class SoftmaxWide(Op):
    """Softmax of every vector of `depth` consecutive elements; scale 1/32768.

    TFLite's SoftmaxInt16, with tables of 512 steps and lines between these:

        d = multiply_double_rounding(input - max, multiplier, shift)     in 10/65535
        e = exponentials(d)                                              Q0.15
        output = (e * reciprocals(sum(e), scaled to [1, 2))) shifted, rounded up

    Args:
        depth: Length of a vector: the last dimension.
        multiplier: Multiplier of differences.
        shift: Its shift, at most 14.
    """

    builtin: ClassVar[str] = "SOFTMAX"
    constraints: ClassVar[tuple[Constraint, ...]] = (
        inputs_and_outputs(1),
        *ACTIVATION_CONSTRAINTS,
        same_shape,
        output_of_one,
        wide_depth_in_range,
        wide_multiplier_in_range,
    )

    depth: int
    multiplier: int
    shift: int

    @property
    def portable_kernel(self) -> str:
        """The kernel of int16."""
        return "softmax_s16"

    @classmethod
    def read(cls, node: Node) -> SoftmaxWide:
        """Makes the op from an operator whose constraints hold."""
        multiplier, shift = quantize_multiplier(_difference_multiplier(node))
        depth = node.input(0).shape[-1]
        return cls(node.index, (node.inputs[0],), node.outputs, depth, multiplier, shift)

    def verify(self, graph: Graph) -> list[str]:
        """The invariants of a softmax."""
        source, output = graph.tensors[self.inputs[0]], graph.tensors[self.outputs[0]]
        tables = (exponential_table(), reciprocal_table())
        return broken(
            (source.shape == output.shape, "input and output have the same shape"),
            (source.shape[-1] == self.depth <= MAX_DEPTH, "a vector is the last dimension"),
            (is_multiplier(self.multiplier, self.shift), "the multiplier is in range"),
            (self.shift <= MAX_SHIFT, "shifted differences fit an int32"),
            (all(is_array(t, np.int16, (_STEPS + 1,)) for t in tables), "tables have 513 int16"),
        )


def exponential_table() -> NDArray[np.int16]:
    """exp(x) for x from -10 to 0, in Q0.15: int16 [513]."""
    return _table(math.exp, 10.0 / 65535, INT16_MAX)


def reciprocal_table() -> NDArray[np.int16]:
    """1 / (1 + x) for x from 0 to 1, in Q0.15: int16 [513]."""
    return _table(lambda x: 1.0 / (1.0 + x), 1.0 / 65535, INT16_MIN)


def _table(function: Callable[[float], float], scale: float, zero_point: int) -> NDArray[np.int16]:
    """TFLite's LUTPopulate: each step is moved by half of what the line's middle is off.

    All in double, in its order of operations.
    """
    least, most = scale * (INT16_MIN - zero_point), scale * (INT16_MAX - zero_point)
    step = (most - least) / _STEPS
    factor = 65536.0 / (2.0 / 65535 * INT16_MAX - 2.0 / 65535 * INT16_MIN)
    values = []
    for i in range(_STEPS):
        here, there = function(least + i * step), function(least + (i + 1) * step)
        sample = round_away(here * factor)
        line = round_away((there * factor + sample) / 2)
        middle = round_away(function(least + i * step + step / 2) * factor)
        values.append(sample - round_away((line - middle) / 2))
    values.append(round_away(function(most) * factor))
    return np.clip(values, INT16_MIN, INT16_MAX).astype(np.int16)


def _difference_multiplier(node: Node) -> float:
    """The real multiplier from a difference of inputs to 10/65535; beta is a float32, as scales."""
    scaled = np.float32(node.quantization(0).scale) * np.float32(node.options.get("Beta", 1.0))
    return float(scaled) / (10.0 / 65535.0)
