"""Cross-layer equalization: every channel of a tensor gets the tensor's whole int8 range.

A convolution may give channel c times k[c] if all that read it divide their weights for that
channel by k[c]; clamps, sums, pools and means pass factors on, so the tensors they connect share
them. Source: Nagel et al., Data-Free Quantization Through Weight Equalization and Bias Correction
(ICCV 2019); here the factors come from measured ranges, see tinydeploy.quantize.channel_factors.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace

import numpy as np

from tinydeploy.quantize.channel_factors import choose_channel_factors
from tinydeploy.quantize.network import Array, Clamp, Conv, Layer, Network, Reshape
from tinydeploy.quantize.statistics import TensorStatistics


def equalize_network(
    network: Network, statistics: Mapping[str, TensorStatistics]
) -> tuple[Network, dict[str, TensorStatistics]]:
    """Scales channels so that all use the range of their tensor.

    Returns:
        A network that computes the same real numbers at its output, and its statistics.
    """
    factors = _choose_factors(network, statistics)
    layers = [_scale_layer(layer, network, factors) for layer in network.layers]
    scaled = {
        name: stats.scaled(factors[name]) if name in factors else stats
        for name, stats in statistics.items()
    }
    return network.with_layers(layers), scaled


def _choose_factors(
    network: Network, statistics: Mapping[str, TensorStatistics]
) -> dict[str, Array]:
    """The factors of every tensor that can be scaled."""
    factors: dict[str, Array] = {}
    for group in _connect_tensors(network):
        measured = tuple(tensor for tensor in group if tensor in statistics)
        if measured and _is_scalable(network, group):
            k = choose_channel_factors(network, statistics, measured)
            if k is not None:
                factors.update(dict.fromkeys(group, k))
    return factors


def _connect_tensors(network: Network) -> list[tuple[str, ...]]:
    """Sets of tensors that have to share their factors, in order of first appearance."""
    group_of: dict[str, list[str]] = {network.input: [network.input]}
    for layer in network.layers:
        group = [layer.output]
        group_of[layer.output] = group
        if layer.scales_with_inputs or isinstance(layer, Reshape):
            for tensor in layer.inputs:
                other = group_of[tensor]
                if other is not group:
                    other.extend(group)
                    group_of.update(dict.fromkeys(group, other))
                    group = other
    unique = {id(group): tuple(group) for group in group_of.values()}
    return list(unique.values())


def _is_scalable(network: Network, group: tuple[str, ...]) -> bool:
    members = set(group)
    if network.input in members or members.intersection(network.outputs):
        return False
    sizes = {network.channels(tensor) for tensor in group}
    for layer in network.layers:
        touched = members.intersection((*layer.inputs, layer.output))
        if not touched or isinstance(layer, Conv):
            continue
        if isinstance(layer, Reshape):
            if not _keeps_channels(network, layer):
                return False
        elif not layer.scales_with_inputs:
            return False
    return len(sizes) == 1


def _keeps_channels(network: Network, layer: Reshape) -> bool:
    """Whether it only adds or drops axes of size 1 in front of the channels."""
    before, after = network.shapes[layer.inputs[0]], network.shapes[layer.output]
    return [s for s in before[:-1] if s > 1] == [s for s in after[:-1] if s > 1]


def _scale_layer(layer: Layer, network: Network, factors: Mapping[str, Array]) -> Layer:
    if isinstance(layer, Conv):
        weights, bias, low, high = layer.weights, layer.bias, layer.low, layer.high
        k = factors.get(layer.inputs[0])
        if k is not None:
            # Input channels that output channel o reads: those of its group.
            per_group = k.reshape(layer.groups, weights.shape[3])
            weights = weights / np.repeat(per_group, len(bias) // layer.groups, 0)[:, None, None]
        k = factors.get(layer.output)
        if k is not None:
            weights = weights * k[:, None, None, None]
            bias, low, high = bias * k, low * k, high * k
        return replace(layer, weights=weights, bias=bias, low=low, high=high)
    if isinstance(layer, Clamp) and layer.output in factors:
        k = factors[layer.output]
        return replace(layer, low=layer.low * k, high=layer.high * k)
    return layer
