"""The quantization of every activation tensor: ranges from statistics, scales from ranges."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Literal

import numpy as np
from numpy.typing import NDArray

from tinydeploy.errors import InternalError
from tinydeploy.quantize.network import Layer, Network, Pad, Reshape, Softmax
from tinydeploy.quantize.ranges import TAIL, Range, find_range
from tinydeploy.quantize.recipe import RANGE_METHODS, RangeMethod
from tinydeploy.quantize.statistics import TensorStatistics
from tinydeploy.quantize.ties import find_fixed, tie_tensors

Dtype = Literal["int8", "int16"]
Integers = NDArray[np.int8] | NDArray[np.int16]


@dataclass(frozen=True)
class Parameters:
    """Quantization of a tensor: real = scale * (q - zero_point).

    Args:
        scale: A float32 number, positive.
        zero_point: -128 to 127; 0 for int16.
        dtype: Of q.
    """

    scale: float
    zero_point: int
    dtype: Dtype = "int8"

    @classmethod
    def from_range(cls, low: float, high: float) -> Parameters:
        """The parameters that cover [low, high] and 0; zero is met exactly."""
        low, high = min(low, 0.0), max(high, 0.0)
        scale = float(np.float32(max((high - low) / 255, 1e-8)))
        return cls(scale, int(np.clip(round(-128 - low / scale), -128, 127)))

    @classmethod
    def from_reach(cls, reach: float) -> Parameters:
        """The int16 parameters that cover [-reach, reach]."""
        return cls(float(np.float32(max(reach / 32767, 1e-10))), 0, "int16")

    @property
    def limits(self) -> tuple[int, int]:
        """Least and greatest q."""
        return (-128, 127) if self.dtype == "int8" else (-32768, 32767)

    @property
    def outer_range(self) -> tuple[float, float]:
        """The real numbers that are rounded to q's within the limits."""
        low, high = self.limits
        return (low - 0.5 - self.zero_point) * self.scale, (
            high + 0.5 - self.zero_point
        ) * self.scale

    def quantize(self, values: NDArray[np.floating]) -> Integers:
        """The nearest integers, saturated."""
        q = values * (1 / self.scale)
        np.rint(q, out=q)
        q += self.zero_point
        np.clip(q, *self.limits, out=q)
        return q.astype(self.dtype)

    def dequantize(self, values: Integers) -> NDArray[np.float32]:
        """The real numbers."""
        shifted = values.astype(np.float32)
        shifted -= self.zero_point
        shifted *= np.float32(self.scale)
        return shifted


Candidates = Mapping[RangeMethod, Parameters]


def list_candidates(
    network: Network,
    statistics: Mapping[str, TensorStatistics],
    input_parameters: Parameters,
) -> dict[tuple[str, ...], Candidates]:
    """For each set of tensors that share their quantization, what each method gives.

    Nothing is clipped at the network's outputs nor in front of a softmax: clipped scores make the
    best classes equal. There every method gives the range seen. The input's parameters are given,
    and where TFLite fixes the quantization, as of a softmax's output, it is that.

    Args:
        network: Folded.
        statistics: Of the outputs of all layers that compute anything.
        input_parameters: Of the input.
    """
    candidates: dict[tuple[str, ...], Candidates] = {}
    for group in tie_tensors(network):
        if network.input in group:
            given = input_parameters
        elif (fixed := find_fixed(network, group)) is not None:
            given = Parameters(*fixed)
        else:
            candidates[group] = _candidates_of_group(network, group, statistics)
            continue
        candidates[group] = dict.fromkeys(RANGE_METHODS, given)
    return candidates


def choose_parameters(
    candidates: Mapping[tuple[str, ...], Candidates], method: RangeMethod
) -> dict[str, Parameters]:
    """The quantization of every tensor, by one method for all."""
    return {tensor: each[method] for group, each in candidates.items() for tensor in group}


def _candidates_of_group(
    network: Network, group: tuple[str, ...], statistics: Mapping[str, TensorStatistics]
) -> Candidates:
    """By the ranges of those tensors that something else than a tied operator reads.

    What a max-pool or clamp in the group drops needs no room: it may saturate.
    """
    seen = [tensor for tensor in group if _is_computed_with(network, tensor)]
    measured = [t for t in seen if t in statistics] or [t for t in group if t in statistics]
    if not measured:
        raise InternalError(f"no statistics of the tensors {group}")
    exact = any(tensor in network.outputs for tensor in group) or any(
        isinstance(reader, Softmax) for tensor in group for reader in network.consumers(tensor)
    )
    candidates: dict[RangeMethod, Parameters] = {}
    for method in RANGE_METHODS:
        if exact and candidates:
            candidates[method] = candidates["min-max"]
            continue
        ranges = [
            _within(
                statistics[tensor].full_range(TAIL)
                if exact
                else find_range(statistics[tensor], method),
                network.producer(tensor),
            )
            for tensor in measured
        ]
        low, high = min(low for low, _ in ranges), max(high for _, high in ranges)
        candidates[method] = Parameters.from_range(low, high)
    return candidates


def _within(found: Range, layer: Layer | None) -> Range:
    """A range without what a layer's output cannot reach."""
    least, most = (-np.inf, np.inf) if layer is None else layer.bounds
    return max(found[0], least), min(found[1], most)


def _is_computed_with(network: Network, tensor: str) -> bool:
    """Whether something else than handing on, or choosing among numbers, is done with a tensor.

    An average hands numbers on too, but clipping in front of it is not clipping behind it.
    """
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
