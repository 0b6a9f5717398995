"""LOGISTIC and TANH of int16 activations."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, ClassVar

from tinydeploy.graph.constraints import ACTIVATION_CONSTRAINTS, inputs_and_outputs, same_shape
from tinydeploy.graph.fixed_point import near_power_of_two
from tinydeploy.graph.invariants import broken
from tinydeploy.graph.node import Constraint, Node
from tinydeploy.graph.op import Op, register_op

if TYPE_CHECKING:
    from tinydeploy.graph.graph import Graph


def output_of_one(node: Node) -> bool:
    """Its output has a scale of 1/32768."""
    return node.output_quantization.scale == 1 / 32768


def table_reached(node: Node) -> bool:
    """Its input's scale is below 5, and at least 2^-30."""
    return 2.0**-30 <= node.quantization(0).scale < 5


@register_op("LOGISTIC", "TANH", types=("int16",))
@dataclass(frozen=True, eq=False)
class SigmoidWide(Op):
    """The logistic function or the hyperbolic tangent, from a table of 256 steps.

    The input, as (input * multiplier + 2^(shift - 1)) >> shift, counts in 1/12288; values between
    the steps of logistic(i / 24) lie on lines. Both functions are symmetric.

    Args:
        function: The operation's name in TFLite's schema.
        multiplier: In [1, 65535].
        shift: In [0, 31].
    """

    builtin: ClassVar[str] = "LOGISTIC"
    constraints: ClassVar[tuple[Constraint, ...]] = (
        inputs_and_outputs(1),
        *ACTIVATION_CONSTRAINTS,
        same_shape,
        output_of_one,
        table_reached,
    )

    function: str
    multiplier: int
    shift: int

    @property
    def kind(self) -> str:
        """The operation's name in TFLite's schema."""
        return self.function

    @property
    def portable_kernel(self) -> str:
        """The kernel of int16."""
        return "sigmoid_s16"

    @classmethod
    def read(cls, node: Node) -> SigmoidWide:
        """Makes the op from an operator whose constraints hold."""
        multiplier, shift = _scale_input(node.quantization(0).scale, node.builtin)
        return cls(node.index, (node.inputs[0],), node.outputs, node.builtin, multiplier, shift)

    def verify(self, graph: Graph) -> list[str]:
        """The invariants of the function."""
        source, output = graph.tensors[self.inputs[0]], graph.tensors[self.outputs[0]]
        return broken(
            (source.shape == output.shape, "input and output have the same shape"),
            (1 <= self.multiplier < 1 << 16, "the product fits an int32"),
            (0 <= self.shift <= 31, "the shift is in range"),
        )


def _scale_input(scale: float, function: str) -> tuple[int, int]:
    """Multiplier and shift from the input to 1/12288, as TFLite's Prepare finds them."""
    exponent = near_power_of_two(scale)
    left = -1 if exponent is None else 12 + exponent
    if left in ((0,) if function == "LOGISTIC" else (0, 1)):
        return 3 << left, 0
    multiplier, shift = scale * 4096.0 * 3.0, 0
    while multiplier <= 32767.0 / 2.0 and shift <= 30:
        multiplier, shift = multiplier * 2.0, shift + 1
    return int(multiplier), shift
