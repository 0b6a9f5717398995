"""FULLY_CONNECTED: every output from all inputs."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import TYPE_CHECKING, ClassVar

import numpy as np
from numpy.typing import NDArray

from tinydeploy.graph.accumulator import accumulator_bounds, fits_int32
from tinydeploy.graph.dense import Dense, dense_constraints, read_dense
from tinydeploy.graph.invariants import broken, is_array, zero_point_of
from tinydeploy.graph.node import Constraint, Node
from tinydeploy.graph.op import register_op
from tinydeploy.graph.weights import (
    accumulators_fit,
    bias_per_channel,
    multipliers_in_range,
    read_bias,
    read_output,
)

if TYPE_CHECKING:
    from tinydeploy.graph.graph import Graph


@register_op()
@dataclass(frozen=True, eq=False)
class FullyConnected(Dense):
    """A matrix times every vector of `depth` consecutive inputs; usually there is one vector.

        acc = bias[c] + sum(weights[c, k] * (input[k] - input_zero_point))
        output = clamp(round_away(acc * scale[c]) + output_zero_point, low[c], high[c])

    The reference takes acc * scale[c] in double precision, unlike every other layer with weights.

    Args:
        bias: int32.
        input_zero_point: Zero point of the input.
        output_zero_point: Zero point of the output.
        low: int8 [output channels], lower bound of the output.
        high: int8 [output channels], upper bound of the output.
    """

    builtin: ClassVar[str] = "FULLY_CONNECTED"
    constraints: ClassVar[tuple[Constraint, ...]] = dense_constraints(
        bias_per_channel(axis=0),
        multipliers_in_range,
        accumulators_fit(axis=0, shifted=False),
    )

    bias: NDArray[np.int32]
    input_zero_point: int
    output_zero_point: int
    low: NDArray[np.int8]
    high: NDArray[np.int8]

    @classmethod
    def read(cls, node: Node) -> FullyConnected:
        """Makes the op from an operator whose constraints hold."""
        channels = node.input(1).shape[0]
        return cls(
            bias=read_bias(node, channels), **read_dense(node), **read_output(node, channels)
        )

    def verify(self, graph: Graph) -> list[str]:
        """The invariants of a fully-connected layer: of its arrays, then the others."""
        count = self.channels
        return (
            self.array_problems(np.int32)
            or broken(
                (is_array(self.low, np.int8, (count,)), "lower bounds are int8, one a channel"),
                (is_array(self.high, np.int8, (count,)), "upper bounds are int8, one a channel"),
            )
            or broken(*self._value_rules(graph)) + self.size_problems(graph)
        )

    def _value_rules(self, graph: Graph) -> Iterator[tuple[bool, str]]:
        count = self.channels
        bounds = accumulator_bounds(self.weights, self.bias, self.input_zero_point)
        finite = np.isfinite(self.scale) & (self.scale >= 0)
        yield bool((self.low <= self.high).all()), "no range of outputs is empty"
        yield bool(finite.all()), "scales are finite"
        yield fits_int32(bounds, np.zeros(count, np.int32)), "accumulators fit an int32"
        ends = zero_point_of(graph, self.inputs[0]), zero_point_of(graph, self.outputs[0])
        yield ends == (self.input_zero_point, self.output_zero_point), "zero points agree"
