"""The int8 quantization of every activation tensor: ranges from statistics, scales from ranges."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from tinydeploy.errors import InternalError
from tinydeploy.quantize.network import (
    Add,
    AveragePool,
    Clamp,
    Conv,
    Layer,
    MaxPool,
    Network,
    Pad,
    Reshape,
    Softmax,
)
from tinydeploy.quantize.statistics import TensorStatistics

# Values beyond this quantile, at each end, are clipped: a rare value costs all others resolution.
TAIL = 5e-5

# These operators hand int8 values on: TFLite wants the same quantization at both ends.
_TIED = (AveragePool, Clamp, MaxPool, Pad, Reshape)


@dataclass(frozen=True)
class Parameters:
    """int8 quantization of a tensor: real = scale * (q - zero_point).

    Args:
        scale: A float32 number, positive.
        zero_point: -128 to 127.
    """

    scale: float
    zero_point: int

    @classmethod
    def from_range(cls, low: float, high: float) -> Parameters:
        """The parameters that cover [low, high] and 0; zero is met exactly."""
        low, high = min(low, 0.0), max(high, 0.0)
        scale = float(np.float32(max((high - low) / 255, 1e-8)))
        return cls(scale, int(np.clip(round(-128 - low / scale), -128, 127)))

    def quantize(self, values: NDArray[np.floating]) -> NDArray[np.int8]:
        """The nearest int8 values, saturated."""
        q = values * (1 / self.scale)
        np.rint(q, out=q)
        q += self.zero_point
        np.clip(q, -128, 127, out=q)
        return q.astype(np.int8)

    def dequantize(self, values: NDArray[np.int8]) -> NDArray[np.float32]:
        """The real numbers."""
        shifted = values.astype(np.float32)
        shifted -= self.zero_point
        shifted *= np.float32(self.scale)
        return shifted


def choose_parameters(
    network: Network,
    statistics: Mapping[str, TensorStatistics],
    input_parameters: Parameters,
    tail: float = TAIL,
) -> dict[str, Parameters]:
    """The quantization of every tensor.

    Ranges leave out the part `tail` of the values at each end, but not at the network's output nor
    in front of a softmax: clipping scores makes the best classes equal. A softmax's output has the
    fixed quantization of TFLite.

    Args:
        network: Folded.
        statistics: Of the outputs of all layers that compute anything.
        input_parameters: Of the input.
        tail: 0 to 1.
    """
    parameters: dict[str, Parameters] = {}
    for group in tie_tensors(network):
        if network.input in group:
            chosen = input_parameters
        elif any(isinstance(network.producer(tensor), Softmax) for tensor in group):
            chosen = Parameters(1 / 256, -128)
        else:
            chosen = _parameters_of_group(network, group, statistics, tail)
        parameters.update(dict.fromkeys(group, chosen))
    return parameters


def tie_tensors(network: Network) -> list[tuple[str, ...]]:
    """Sets of tensors that share their quantization, in order of first appearance."""
    groups: dict[str, list[str]] = {network.input: [network.input]}
    for layer in network.layers:
        if isinstance(layer, _TIED):
            group = groups[layer.inputs[0]]
            group.append(layer.output)
            groups[layer.output] = group
        else:
            groups[layer.output] = [layer.output]
    return [tuple(group) for group in {id(group): group for group in groups.values()}.values()]


def _parameters_of_group(
    network: Network,
    group: tuple[str, ...],
    statistics: Mapping[str, TensorStatistics],
    tail: float,
) -> Parameters:
    """The range of those tensors that something else than a tied operator reads.

    What a max-pool or clamp in the group drops needs no room: it may saturate.
    """
    seen = [tensor for tensor in group if _is_computed_with(network, tensor)]
    exact = network.output in group or any(
        isinstance(reader, Softmax) for tensor in group for reader in network.consumers(tensor)
    )
    ranges = []
    for tensor in [t for t in seen if t in statistics] or [t for t in group if t in statistics]:
        stats = statistics[tensor]
        low, high = stats.full_range(tail) if exact else stats.quantile_range(tail)
        least, most = _bounds(network.producer(tensor))
        ranges.append((max(low, least), min(high, most)))
    if not ranges:
        raise InternalError(f"no statistics of the tensors {group}")
    return Parameters.from_range(min(low for low, _ in ranges), max(high for _, high in ranges))


def _bounds(layer: Layer | None) -> tuple[float, float]:
    """What a layer's output cannot exceed."""
    if isinstance(layer, (Add, Clamp, Conv)):
        return float(np.min(layer.low)), float(np.max(layer.high))
    return -np.inf, np.inf


def _is_computed_with(network: Network, tensor: str) -> bool:
    def keeps(layer: Layer) -> bool:
        return isinstance(layer, _TIED)

    readers = network.consumers(tensor)
    return tensor == network.output or not readers or not all(keeps(r) for r in readers)
