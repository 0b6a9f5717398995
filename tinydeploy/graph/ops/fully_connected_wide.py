"""FULLY_CONNECTED of int16 activations."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import TYPE_CHECKING, ClassVar

import numpy as np
from numpy.typing import NDArray

from tinydeploy.graph.constraints import (
    ACTIVATION_CONSTRAINTS,
    has_options,
    inputs_and_outputs,
    known_activation,
)
from tinydeploy.graph.invariants import broken, is_array, is_int16_bounds
from tinydeploy.graph.node import Constraint, Node
from tinydeploy.graph.op import Op, register_op
from tinydeploy.graph.ops.fully_connected import default_weights_format, vectors_fit
from tinydeploy.graph.weights import read_scales, weights_constant, weights_symmetric
from tinydeploy.graph.wide import (
    fits_wide,
    read_wide_bias,
    read_wide_output,
    results_fit,
    wide_accumulators_fit,
    wide_bias,
)

if TYPE_CHECKING:
    from tinydeploy.graph.graph import Graph


def multipliers_below_one(node: Node) -> bool:
    """Its scales give requantization multipliers of at least 2^-32 and below 1."""
    scales = read_scales(node, len(node.quantization(1).scales))
    return bool(((scales >= 2.0**-32) & (scales < 1)).all())


@register_op(types=("int16",))
@dataclass(frozen=True, eq=False)
class FullyConnectedWide(Op):
    """A matrix times every vector of `depth` consecutive int16 inputs.

        acc = bias[c] + sum(weights[c, k] * input[k])                      64 bits
        output = clamp(round_away(acc * scale[c]), low, high)

    The reference takes acc * scale[c] in double precision.

    Args:
        weights: int8 [output channels, depth], symmetric.
        bias: int64 [output channels], zeros where the file has none.
        positions: Number of vectors; output elements are positions * output channels.
        scale: float64 [output channels], the real multiplier of the accumulator.
        low: Lower bound of the output, within int16.
        high: Upper bound.
    """

    builtin: ClassVar[str] = "FULLY_CONNECTED"
    constraints: ClassVar[tuple[Constraint, ...]] = (
        inputs_and_outputs(2, 3),
        *ACTIVATION_CONSTRAINTS,
        weights_constant(2),
        weights_symmetric(axis=0),
        wide_bias(axis=0),
        has_options,
        default_weights_format,
        vectors_fit,
        known_activation,
        multipliers_below_one,
        wide_accumulators_fit(axis=0),
        results_fit(axis=0),
    )

    weights: NDArray[np.int8]
    bias: NDArray[np.int64]
    positions: int
    scale: NDArray[np.float64]
    low: int
    high: int

    @property
    def portable_kernel(self) -> str:
        """The kernel of int16."""
        return "fully_connected_s16"

    @property
    def channels(self) -> int:
        """Number of outputs per vector."""
        return int(self.weights.shape[0])

    @property
    def depth(self) -> int:
        """Number of inputs per vector."""
        return int(self.weights.shape[1])

    @classmethod
    def read(cls, node: Node) -> FullyConnectedWide:
        """Makes the op from an operator whose constraints hold."""
        weights = node.constant(1)
        channels, depth = weights.shape
        return cls(
            index=node.index,
            inputs=(node.inputs[0],),
            outputs=node.outputs,
            weights=weights,
            bias=read_wide_bias(node, channels),
            positions=node.input(0).size // depth,
            scale=read_scales(node, channels),
            **read_wide_output(node),
        )

    def macs(self, graph: Graph) -> int:
        """Every weight once per vector."""
        return self.positions * int(self.weights.size)

    def parameters(self) -> int:
        """Weights and biases."""
        return int(self.weights.size) + int(self.bias.size)

    def verify(self, graph: Graph) -> list[str]:
        """The invariants of a fully-connected layer: of its arrays, then the others."""
        count = self.channels
        return broken(
            (self.weights.dtype == np.int8 and self.weights.ndim == 2, "weights are int8, 2-D"),
            (is_array(self.bias, np.int64, (count,)), "the bias is int64, one a channel"),
            (is_array(self.scale, np.float64, (count,)), "scales are float64, one a channel"),
        ) or broken(*self._value_rules(graph))

    def _value_rules(self, graph: Graph) -> Iterator[tuple[bool, str]]:
        yield is_int16_bounds(self.low, self.high), "the range of outputs is not empty"
        in_range = (self.scale >= 2.0**-32) & (self.scale < 1)
        yield bool(in_range.all()), "scales are below 1 and at least 2^-32"
        yield fits_wide(self.weights, self.bias), "accumulators stay below 2^47"
        source, output = graph.tensors[self.inputs[0]], graph.tensors[self.outputs[0]]
        yield source.size == self.positions * self.depth, "the input fits"
        yield output.size == self.positions * self.channels, "the output fits"
