"""What both fully-connected layers have in common: a matrix, and vectors of the input."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from tinydeploy.graph.constraints import (
    ACTIVATION_CONSTRAINTS,
    has_options,
    inputs_and_outputs,
    known_activation,
)
from tinydeploy.graph.invariants import broken, is_array
from tinydeploy.graph.node import Constraint, Node
from tinydeploy.graph.op import Op
from tinydeploy.graph.weights import read_scales, weights_constant, weights_symmetric

if TYPE_CHECKING:
    from tinydeploy.graph.graph import Graph


@dataclass(frozen=True, eq=False)
class Dense(Op):
    """A matrix times every vector of `depth` consecutive inputs.

    Args:
        weights: int8 [output channels, depth], symmetric.
        bias: [output channels], zeros where the file has none.
        positions: Number of vectors; output elements are positions * output channels.
        scale: float64 [output channels], the real multiplier of the accumulator.
    """

    weights: NDArray[np.int8]
    bias: NDArray[Any]
    positions: int
    scale: NDArray[np.float64]

    @property
    def channels(self) -> int:
        """Number of outputs per vector."""
        return int(self.weights.shape[0])

    @property
    def depth(self) -> int:
        """Number of inputs per vector."""
        return int(self.weights.shape[1])

    def macs(self, graph: Graph) -> int:
        """Every weight once per vector."""
        return self.positions * int(self.weights.size)

    def parameters(self) -> int:
        """Weights and biases."""
        return int(self.weights.size) + int(self.bias.size)

    def array_problems(self, bias: type[np.integer[Any]]) -> list[str]:
        """The invariants of the arrays, with biases of that type."""
        name, count = np.dtype(bias).name, (self.channels,)
        return broken(
            (self.weights.dtype == np.int8 and self.weights.ndim == 2, "weights are int8, 2-D"),
            (is_array(self.bias, bias, count), f"the bias is {name}, one a channel"),
            (is_array(self.scale, np.float64, count), "scales are float64, one a channel"),
        )

    def size_problems(self, graph: Graph) -> list[str]:
        """The invariants of the input's and the output's size."""
        source, output = graph.tensors[self.inputs[0]], graph.tensors[self.outputs[0]]
        return broken(
            (source.size == self.positions * self.depth, "the input fits"),
            (output.size == self.positions * self.channels, "the output fits"),
        )


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


def dense_constraints(bias: Constraint, *multipliers: Constraint) -> tuple[Constraint, ...]:
    """Constraints of both layers, with those of their biases and of their multipliers."""
    return (
        inputs_and_outputs(2, 3),
        *ACTIVATION_CONSTRAINTS,
        weights_constant(2),
        weights_symmetric(axis=0),
        bias,
        has_options,
        default_weights_format,
        vectors_fit,
        known_activation,
        *multipliers,
    )


def read_dense(node: Node) -> dict[str, Any]:
    """The attributes of both layers but for biases and what they do with the sums."""
    weights = node.constant(1)
    channels, depth = weights.shape
    return {
        "index": node.index,
        "inputs": (node.inputs[0],),
        "outputs": node.outputs,
        "weights": weights,
        "positions": node.input(0).size // depth,
        "scale": read_scales(node, channels),
    }
