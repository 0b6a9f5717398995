"""LEAKY_RELU and ABS of int16 activations: a slope for each sign."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, ClassVar

import numpy as np

from tinydeploy.graph.constraints import ACTIVATION_CONSTRAINTS, inputs_and_outputs, same_shape
from tinydeploy.graph.fixed_point import quantize_multiplier
from tinydeploy.graph.invariants import broken, is_multiplier
from tinydeploy.graph.node import Constraint, Node
from tinydeploy.graph.op import Op, register_op
from tinydeploy.graph.ops.requantize import MAX_SHIFT

if TYPE_CHECKING:
    from tinydeploy.graph.graph import Graph

Multiplier = tuple[int, int]


def slopes_in_range(node: Node) -> bool:
    """Its slopes, with its scales, give multipliers of at least 0 and below 2^14."""
    return all(0 <= slope < 2.0**MAX_SHIFT for slope in _read_slopes(node))


@register_op("LEAKY_RELU", "ABS", types=("int16",))
@dataclass(frozen=True, eq=False)
class SlopesWide(Op):
    """Values of at least 0 by one multiplier, those below, perhaps negated, by another.

        output = clamp(multiply_double_rounding(input, *above))                  where input >= 0
        output = clamp(multiply_double_rounding(-input or input, *below))        else

    Args:
        function: The operation's name in TFLite's schema.
        negates: Values below 0 are negated.
        above: (multiplier, shift), real value below 2^14.
        below: Likewise.
    """

    builtin: ClassVar[str] = "LEAKY_RELU"
    constraints: ClassVar[tuple[Constraint, ...]] = (
        inputs_and_outputs(1),
        *ACTIVATION_CONSTRAINTS,
        same_shape,
        slopes_in_range,
    )

    function: str
    negates: bool
    above: Multiplier
    below: Multiplier

    @property
    def kind(self) -> str:
        """The operation's name in TFLite's schema."""
        return self.function

    @property
    def portable_kernel(self) -> str:
        """The kernel of int16."""
        return "slopes_s16"

    @classmethod
    def read(cls, node: Node) -> SlopesWide:
        """Makes the op from an operator whose constraints hold."""
        above, below = (quantize_multiplier(slope) for slope in _read_slopes(node))
        negates = node.builtin == "ABS"
        return cls(node.index, (node.inputs[0],), node.outputs, node.builtin, negates, above, below)

    def verify(self, graph: Graph) -> list[str]:
        """The invariants of both slopes."""
        source, output = graph.tensors[self.inputs[0]], graph.tensors[self.outputs[0]]
        pairs = (self.above, self.below)
        return broken(
            (source.shape == output.shape, "input and output have the same shape"),
            (all(is_multiplier(*pair) for pair in pairs), "multipliers are in range"),
            (all(shift <= MAX_SHIFT for _, shift in pairs), "shifted inputs fit an int32"),
        )


def _read_slopes(node: Node) -> tuple[float, float]:
    """The real multipliers of values above and below 0, in float32 as TFLite's Prepare does."""
    scale = np.float32(node.quantization(0).scale)
    out_scale = np.float32(node.output_quantization.scale)
    above = float(scale / out_scale)
    if node.builtin == "ABS":
        return above, above
    with np.errstate(over="ignore"):
        alpha = np.float32(node.options.get("Alpha", 0.0))
        return above, float(np.float32(scale * alpha) / out_scale)
