"""Layers with weights: constraints on their constants, and their requantization."""

from __future__ import annotations

import math
from typing import Any

import numpy as np
from numpy.typing import NDArray

from tinydeploy.graph.accumulator import accumulator_bounds, fits_int32
from tinydeploy.graph.fixed_point import MAX_SHIFT, activation_bounds, quantize_multipliers
from tinydeploy.graph.node import Constraint, Node


def weights_constant(rank: int) -> Constraint:
    """Makes the constraint that the second input is a constant of int8 weights."""

    def constraint(node: Node) -> bool:
        weights = node.input(1) if node.has_input(1) else None
        return (
            weights is not None
            and weights.data is not None
            and weights.dtype == "int8"
            and len(weights.shape) == rank
            and weights.size > 0
        )

    constraint.__doc__ = f"Its weights are an int8 constant of {rank} dimensions."
    return constraint


def weights_symmetric(axis: int) -> Constraint:
    """Makes the constraint on the weights' quantization; `axis` is that of the output channels."""

    def constraint(node: Node) -> bool:
        weights = node.input(1)
        quantization = weights.quantization
        if quantization is None:
            return False
        count = len(quantization.scales)
        return (
            (count == 1 or (count == weights.shape[axis] and quantization.axis == axis))
            and all(math.isfinite(scale) and scale > 0 for scale in quantization.scales)
            and not any(quantization.zero_points)
        )

    constraint.__doc__ = (
        "Its weights have one scale, or one per output channel, and zero points of 0."
    )
    return constraint


def bias_per_channel(axis: int) -> Constraint:
    """Makes the constraint on the bias; `axis` is that of the weights' output channels."""

    def constraint(node: Node) -> bool:
        if not node.has_input(2):
            return True
        bias = node.input(2)
        return (
            bias.data is not None
            and bias.dtype == "int32"
            and bias.size == node.input(1).shape[axis]
        )

    constraint.__doc__ = "Its bias, if any, is an int32 constant with one value per output channel."
    return constraint


def multipliers_in_range(node: Node) -> bool:
    """Its scales give requantization multipliers of at most 2^30."""
    return bool((read_scales(node, len(node.quantization(1).scales)) <= 2.0**MAX_SHIFT).all())


def accumulators_fit(axis: int, *, shifted: bool) -> Constraint:
    """Makes the constraint on the accumulators.

    Args:
        axis: Axis of the weights' output channels.
        shifted: Whether a multiplier above 1 shifts the accumulator left first.
    """

    def constraint(node: Node) -> bool:
        weights = np.moveaxis(node.constant(1), axis, 0)
        channels = len(weights)
        shift = np.zeros(channels, np.int32)
        if shifted:
            _, shift = quantize_multipliers(read_scales(node, channels))
        bounds = accumulator_bounds(
            weights.reshape(channels, -1),
            read_bias(node, channels),
            node.quantization(0).zero_point,
        )
        return fits_int32(bounds, shift)

    constraint.__doc__ = "Its accumulators stay inside an int32 for every input."
    return constraint


def read_bias(node: Node, channels: int) -> NDArray[np.int32]:
    """The bias, zeros where the operator has none."""
    if not node.has_input(2):
        return np.zeros(channels, np.int32)
    return np.asarray(node.constant(2), np.int32).reshape(channels)


def read_scales(node: Node, channels: int) -> NDArray[np.float64]:
    """The real multipliers from the accumulators to the output, float64 [channels]."""
    # The product and the quotient are taken in double, in this order, as
    # PopulateConvolutionQuantizationParams does.
    scales = np.array(node.quantization(1).scales, np.float64)
    effective = node.quantization(0).scale * scales / node.output_quantization.scale
    return np.array(np.broadcast_to(effective, channels))


def read_output(node: Node, channels: int) -> dict[str, Any]:
    """The attributes of the output of a layer with weights: zero points and bounds per channel."""
    output = node.output_quantization
    low, high = activation_bounds(node.activation, output.scale, output.zero_point)
    return {
        "input_zero_point": node.quantization(0).zero_point,
        "output_zero_point": output.zero_point,
        "low": np.full(channels, low, np.int8),
        "high": np.full(channels, high, np.int8),
    }
