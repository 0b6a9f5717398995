"""FULLY_CONNECTED: every output from all inputs."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, ClassVar

import numpy as np
from numpy.typing import NDArray

from tinydeploy.graph.convolution import read_bias, read_requantization
from tinydeploy.graph.node import Node
from tinydeploy.graph.op import Op, register_op

if TYPE_CHECKING:
    from tinydeploy.graph.graph import Graph


@register_op()
@dataclass(frozen=True, eq=False)
class FullyConnected(Op):
    """A matrix times every vector of `depth` consecutive inputs (NHWC order); usually there is one vector.

        acc = bias[c] + sum(weights[c, k] * (input[k] - input_zero_point))
        output = clamp(multiply_single_rounding(acc, multiplier[c], shift[c]) + output_zero_point, low[c], high[c])

    Args:
        weights: int8 [output channels, depth], symmetric.
        bias: int32 [output channels], zeros where the file has none.
        positions: Number of vectors; output elements are positions * output channels.
        input_zero_point: Zero point of the input.
        output_zero_point: Zero point of the output.
        multiplier: int32 [output channels], in [2^30, 2^31) or 0.
        shift: int32 [output channels], in [-31, 30].
        low: int8 [output channels], lower bound of the output.
        high: int8 [output channels], upper bound of the output.
    """

    builtin: ClassVar[str] = "FULLY_CONNECTED"

    weights: NDArray[np.int8]
    bias: NDArray[np.int32]
    positions: int
    input_zero_point: int
    output_zero_point: int
    multiplier: NDArray[np.int32]
    shift: NDArray[np.int32]
    low: NDArray[np.int8]
    high: NDArray[np.int8]

    @property
    def channels(self) -> int:
        """Number of outputs per vector."""
        return self.weights.shape[0]

    @property
    def depth(self) -> int:
        """Number of inputs per vector."""
        return self.weights.shape[1]

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
            **read_requantization(node, channels),
        )

    def macs(self, graph: Graph) -> int:
        """Every weight once per vector."""
        return self.positions * int(self.weights.size)

    def parameters(self) -> int:
        """Weights and biases."""
        return int(self.weights.size) + int(self.bias.size)
