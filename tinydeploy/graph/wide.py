"""Layers with int8 weights and int16 activations: constraints, and their requantization.

Their accumulators have 64 bits. int16 tensors have a zero point of 0.
"""

from __future__ import annotations

from typing import Any, Final

import numpy as np
from numpy.typing import NDArray

from tinydeploy.graph.accumulator import accumulator_bounds
from tinydeploy.graph.fixed_point import INT16_MAX, INT16_MIN, activation_bounds
from tinydeploy.graph.node import Constraint, Node
from tinydeploy.graph.weights import read_scales

ACCUMULATOR_LIMIT: Final = 1 << 47
"""What the reference multiplies stays below."""


def wide_bias(axis: int) -> Constraint:
    """Makes the constraint on the bias; `axis` is that of the weights' output channels."""

    def constraint(node: Node) -> bool:
        if not node.has_input(2):
            return True
        bias = node.input(2)
        return (
            bias.data is not None
            and bias.dtype == "int64"
            and bias.size == node.input(1).shape[axis]
        )

    constraint.__doc__ = "Its bias, if any, is an int64 constant with one value per output channel."
    return constraint


def wide_accumulators_fit(axis: int) -> Constraint:
    """Makes the constraint on the accumulators; `axis` is that of the output channels."""

    def constraint(node: Node) -> bool:
        weights = np.moveaxis(node.constant(1), axis, 0)
        bias = read_wide_bias(node, len(weights))
        return fits_wide(weights.reshape(len(weights), -1), bias)

    constraint.__doc__ = "Its accumulators stay below 2^47 for every input."
    return constraint


def results_fit(axis: int) -> Constraint:
    """Makes the constraint on scaled accumulators; `axis` is that of the output channels."""

    def constraint(node: Node) -> bool:
        weights = np.moveaxis(node.constant(1), axis, 0)
        scales = read_scales(node, len(weights))
        bounds = wide_bounds(weights.reshape(len(weights), -1), read_wide_bias(node, len(weights)))
        largest = np.maximum(-bounds[0], bounds[1]).astype(np.float64)
        return bool((scales < 2.0**7).all() and (largest * scales < 2.0**30).all())

    constraint.__doc__ = (
        "Its scales give multipliers below 2^7, and these results below 2^30 for every input."
    )
    return constraint


def wide_bounds(
    weights: NDArray[np.int8], bias: NDArray[np.int64]
) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
    """The least and the greatest value of any partial sum of a channel; weights [C, taps]."""
    low, high = accumulator_bounds(weights, np.zeros(len(bias), np.int32), 0, INT16_MIN, INT16_MAX)
    return low + np.minimum(bias, 0), high + np.maximum(bias, 0)


def fits_wide(weights: NDArray[np.int8], bias: NDArray[np.int64]) -> bool:
    """Whether accumulators stay below 2^47; weights [C, taps]."""
    if not ((bias > -ACCUMULATOR_LIMIT) & (bias < ACCUMULATOR_LIMIT)).all():
        return False
    low, high = wide_bounds(weights, bias)
    return bool((low > -ACCUMULATOR_LIMIT).all() and (high < ACCUMULATOR_LIMIT).all())


def read_wide_bias(node: Node, channels: int) -> NDArray[np.int64]:
    """The bias, zeros where the operator has none."""
    if not node.has_input(2):
        return np.zeros(channels, np.int64)
    return np.asarray(node.constant(2), np.int64).reshape(channels)


def read_wide_output(node: Node) -> dict[str, Any]:
    """The bounds of an int16 output."""
    scale = node.output_quantization.scale
    low, high = activation_bounds(node.activation, scale, 0, "int16")
    return {"low": low, "high": high}
