"""FULLY_CONNECTED: every output from all inputs."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, ClassVar

import numpy as np
from numpy.typing import NDArray

from tinydeploy.graph.convolution import read_bias, read_requantization, read_scales
from tinydeploy.graph.node import Node
from tinydeploy.graph.op import Op, register_op

if TYPE_CHECKING:
    from tinydeploy.graph.graph import Graph


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
        requantization = read_requantization(node, channels)
        del requantization["multiplier"], requantization["shift"]
        return cls(
            index=node.index,
            inputs=(node.inputs[0],),
            outputs=node.outputs,
            weights=weights,
            bias=read_bias(node, channels),
            positions=node.input(0).size // depth,
            scale=read_scales(node, channels),
            **requantization,
        )

    def macs(self, graph: Graph) -> int:
        """Every weight once per vector."""
        return self.positions * int(self.weights.size)

    def parameters(self) -> int:
        """Weights and biases."""
        return int(self.weights.size) + int(self.bias.size)
