"""The int8 quantization of every activation tensor: ranges from statistics, scales from ranges."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from tinydeploy.errors import InternalError
from tinydeploy.quantize.network import Network, Pad, Reshape, Softmax
from tinydeploy.quantize.statistics import TensorStatistics
from tinydeploy.quantize.ties import find_fixed, tie_tensors

# Values beyond this quantile, at each end, are clipped: a rare value costs all others resolution.
TAIL = 5e-5


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
    in front of a softmax: clipping scores makes the best classes equal. Where TFLite fixes the
    quantization, as of a softmax's output, it has that.

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
        elif (fixed := find_fixed(network, group)) is not None:
            chosen = Parameters(*fixed)
        else:
            chosen = _parameters_of_group(network, group, statistics, tail)
        parameters.update(dict.fromkeys(group, chosen))
    return parameters


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
    exact = any(tensor in network.outputs for tensor in group) or any(
        isinstance(reader, Softmax) for tensor in group for reader in network.consumers(tensor)
    )
    ranges = []
    for tensor in [t for t in seen if t in statistics] or [t for t in group if t in statistics]:
        stats = statistics[tensor]
        low, high = stats.full_range(tail) if exact else stats.quantile_range(tail)
        layer = network.producer(tensor)
        least, most = (-np.inf, np.inf) if layer is None else layer.bounds
        ranges.append((max(low, least), min(high, most)))
    if not ranges:
        raise InternalError(f"no statistics of the tensors {group}")
    return Parameters.from_range(min(low for low, _ in ranges), max(high for _, high in ranges))


def _is_computed_with(network: Network, tensor: str) -> bool:
    """Whether its values matter as they are; those that a max-pool or clamp drops may saturate."""
    readers = network.consumers(tensor)
    return (
        tensor in network.outputs
        or not readers
        or any(
            not reader.hands_on
            or reader.averages
            or (isinstance(reader, (Pad, Reshape)) and _is_computed_with(network, reader.output))
            for reader in readers
        )
    )
