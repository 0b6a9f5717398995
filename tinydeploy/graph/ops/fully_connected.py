"""FULLY_CONNECTED: every output from all inputs."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import TYPE_CHECKING, ClassVar

import numpy as np
from numpy.typing import NDArray

from tinydeploy.graph.accumulator import accumulator_bounds, fits_int32
from tinydeploy.graph.constraints import (
    ACTIVATION_CONSTRAINTS,
    has_options,
    inputs_and_outputs,
    known_activation,
)
from tinydeploy.graph.invariants import broken, is_array, zero_point_of
from tinydeploy.graph.node import Constraint, Node
from tinydeploy.graph.op import Op, register_op
from tinydeploy.graph.weights import (
    accumulators_fit,
    bias_per_channel,
    multipliers_in_range,
    read_bias,
    read_output,
    read_scales,
    weights_constant,
    weights_symmetric,
)

if TYPE_CHECKING:
    from tinydeploy.graph.graph import Graph


def default_weights_format(node: Node) -> bool:
    """Its weights are stored in the default format, not shuffled."""
    return node.option("WeightsFormat") == 0


def vectors_fit(node: Node) -> bool:
    """Its input splits into vectors as long as a row of the weights, and its output matches."""
    channels, depth = node.input(1).shape
    source = node.input(0)
    if source.size % depth:
        return False
    positions = source.size // depth
    if node.option("KeepNumDims"):
        return source.shape[-1] == depth and node.output.shape == (*source.shape[:-1], channels)
    return node.output.shape == (positions, channels)


@register_op()
@dataclass(frozen=True, eq=False)
class FullyConnected(Op):
    """A matrix times every vector of `depth` consecutive inputs; usually there is one vector.

        acc = bias[c] + sum(weights[c, k] * (input[k] - input_zero_point))
        output = clamp(round_away(acc * scale[c]) + output_zero_point, low[c], high[c])

    The reference takes acc * scale[c] in double precision, unlike every other layer with weights.

    Args:
        weights: int8 [output channels, depth], symmetric.
        bias: int32 [output channels], zeros where the file has none.
        positions: Number of vectors; output elements are positions * output channels.
        input_zero_point: Zero point of the input.
        output_zero_point: Zero point of the output.
        scale: float64 [output channels], the real multiplier of the accumulator.
        low: int8 [output channels], lower bound of the output.
        high: int8 [output channels], upper bound of the output.
    """

    builtin: ClassVar[str] = "FULLY_CONNECTED"
    constraints: ClassVar[tuple[Constraint, ...]] = (
        inputs_and_outputs(2, 3),
        *ACTIVATION_CONSTRAINTS,
        weights_constant(2),
        weights_symmetric(axis=0),
        bias_per_channel(axis=0),
        has_options,
        default_weights_format,
        vectors_fit,
        known_activation,
        multipliers_in_range,
        accumulators_fit(axis=0, shifted=False),
    )

    weights: NDArray[np.int8]
    bias: NDArray[np.int32]
    positions: int
    input_zero_point: int
    output_zero_point: int
    scale: NDArray[np.float64]
    low: NDArray[np.int8]
    high: NDArray[np.int8]

    @property
    def channels(self) -> int:
        """Number of outputs per vector."""
        return int(self.weights.shape[0])

    @property
    def depth(self) -> int:
        """Number of inputs per vector."""
        return int(self.weights.shape[1])

    @classmethod
    def read(cls, node: Node) -> FullyConnected:
        """Makes the op from an operator whose constraints hold."""
        weights = node.constant(1)
        channels, depth = weights.shape
        return cls(
            index=node.index,
            inputs=(node.inputs[0],),
            outputs=node.outputs,
            weights=weights,
            bias=read_bias(node, channels),
            positions=node.input(0).size // depth,
            scale=read_scales(node, channels),
            **read_output(node, channels),
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
            (is_array(self.bias, np.int32, (count,)), "the bias is int32, one a channel"),
            (is_array(self.scale, np.float64, (count,)), "scales are float64, one a channel"),
            (is_array(self.low, np.int8, (count,)), "lower bounds are int8, one a channel"),
            (is_array(self.high, np.int8, (count,)), "upper bounds are int8, one a channel"),
        ) or broken(*self._value_rules(graph))

    def _value_rules(self, graph: Graph) -> Iterator[tuple[bool, str]]:
        count = self.channels
        bounds = accumulator_bounds(self.weights, self.bias, self.input_zero_point)
        finite = np.isfinite(self.scale) & (self.scale >= 0)
        yield bool((self.low <= self.high).all()), "no range of outputs is empty"
        yield bool(finite.all()), "scales are finite"
        yield fits_int32(bounds, np.zeros(count, np.int32)), "accumulators fit an int32"
        source, output = graph.tensors[self.inputs[0]], graph.tensors[self.outputs[0]]
        yield source.size == self.positions * self.depth, "the input fits"
        yield output.size == self.positions * count, "the output fits"
        ends = zero_point_of(graph, self.inputs[0]), zero_point_of(graph, self.outputs[0])
        yield ends == (self.input_zero_point, self.output_zero_point), "zero points agree"
