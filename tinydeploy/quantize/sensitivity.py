"""Which layers lose what: each quantized alone, the rest float, and the noise at the output.

What the parts of a layer do is told apart: its weights, rounded to the nearest integer with a scale
per channel; its biases; its output's numbers. A layer that hands on numbers which are rounded
already adds nothing. Noise powers of all parts add up to about the noise of the whole, because
rounding errors hardly correlate, so each has a share of it.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace

import numpy as np

from tinydeploy.quantize.activations import Parameters
from tinydeploy.quantize.evaluate import Values, clamp, convolve, evaluate_layer
from tinydeploy.quantize.network import Conv, Layer, Network
from tinydeploy.quantize.weights import (
    choose_weight_scales,
    dequantize_weights,
    round_bias,
    round_to_nearest,
)

# Activations of all samples at once, in values: 256 MB.
_MOST_VALUES = 64 << 20
_MOST_SAMPLES, _LEAST_SAMPLES = 32, 4

# Noise this far below a layer's own output is not followed to the network's.
_NEGLIGIBLE_DB = 100.0


@dataclass(frozen=True)
class LayerLoss:
    """What quantizing parts of a layer alone costs at the network's output.

    Args:
        output: Name of the layer's output; of the network's input for the first entry.
        kind: The layer's class, "Input" for the first entry.
        weights_db: SNR with its weights quantized; infinite where it has none or no harm is done.
        bias_db: Likewise, with its biases quantized.
        activations_db: Likewise, with the numbers of its output quantized.
        share: Its part of the noise of all layers together, 0 to 1.
        saturated: Part of its output's values, 0 to 1, beyond the range of int8.
    """

    output: str
    kind: str
    weights_db: float
    bias_db: float
    activations_db: float
    share: float
    saturated: float


def measure_losses(
    network: Network,
    parameters: Mapping[str, Parameters],
    samples: Values,
    progress: Callable[[float], None] | None = None,
) -> tuple[LayerLoss, ...]:
    """Quantizes one part of one layer after the other.

    Args:
        network: Folded, and equalized if that is wanted.
        parameters: Of every tensor.
        samples: float32 [n, H, W, C] or [n, C], inputs of the network; all activations of all of
            them are kept.
        progress: Told the part done, 0 to 1.

    Returns:
        The input's loss, then one per layer, in order.
    """
    probe = Probe(network, samples)
    found = [_measure_input(probe, parameters)]
    for k, layer in enumerate(network.layers):
        found.append(_measure_layer(probe, k, layer, parameters))
        if progress is not None:
            progress((k + 1) / len(network.layers))
    total = sum(sum(noise) for _, noise in found)
    return tuple(replace(loss, share=sum(noise) / total if total else 0.0) for loss, noise in found)


def count_kept(network: Network) -> int:
    """How many samples' activations, all of the network's at once, fit the memory for them."""
    values = sum(int(np.prod(network.shapes[layer.output])) for layer in network.layers)
    return int(np.clip(_MOST_VALUES // max(values, 1), _LEAST_SAMPLES, _MOST_SAMPLES))


Noise = tuple[float, float, float]  # of weights, biases, activations, as a part of the signal


class Probe:
    """The float network, run once; tells what a change of one tensor does to the output."""

    def __init__(self, network: Network, samples: Values) -> None:
        self.network = network
        self.exact: dict[str, Values] = {network.input: samples}
        for layer in network.layers:
            self.exact[layer.output] = self.evaluate(layer, {})
        self._signals = {name: _power(self.exact[name]) for name in network.outputs}

    def noise(self, first: int, tensor: str, changed: Values) -> float:
        """Noise over signal at the output, the mean of several, when a tensor has other values.

        Args:
            first: Position of the first layer that may read it.
            tensor: Its name.
            changed: The values.
        """
        exact = self.exact[tensor]
        own = _power(subtract(changed, exact))
        if own <= _power(exact) * 10 ** (-_NEGLIGIBLE_DB / 10):
            return 0.0
        values = {tensor: changed}
        for layer in self.network.layers[first:]:
            if not values.keys().isdisjoint(layer.inputs):
                values[layer.output] = self.evaluate(layer, values)
        parts = [
            _power(subtract(values[name], self.exact[name])) / signal
            for name, signal in self._signals.items()
            if name in values and signal
        ]
        return sum(parts) / len(self._signals)

    def evaluate(self, layer: Layer, values: Mapping[str, Values]) -> Values:
        """A layer's output for inputs of which some have other values than the exact ones."""
        inputs = [values.get(name, self.exact[name]) for name in layer.inputs]
        return evaluate_layer(layer, inputs, self.network.shapes[layer.output])


def _measure_input(probe: Probe, parameters: Mapping[str, Parameters]) -> tuple[LayerLoss, Noise]:
    name = probe.network.input
    rounded = round_values(probe.exact[name], parameters[name])
    return _make_loss(
        probe, name, "Input", parameters[name], (0.0, 0.0, probe.noise(0, name, rounded))
    )


def _measure_layer(
    probe: Probe, k: int, layer: Layer, parameters: Mapping[str, Parameters]
) -> tuple[LayerLoss, Noise]:
    name, target = layer.output, parameters[layer.output]
    weights_noise = bias_noise = 0.0
    if isinstance(layer, Conv):
        (source,) = layer.inputs
        scales = choose_weight_scales(layer, parameters[source], target)
        weights = dequantize_weights(round_to_nearest(layer.weights, scales), scales)
        bias = round_bias(layer.bias, scales, parameters[source]) * scales
        bias = bias * parameters[source].scale
        x = probe.exact[source]
        y = clamp(convolve(layer, x, weights, layer.bias), layer)
        weights_noise = probe.noise(k + 1, name, y)
        y = clamp(convolve(layer, x, layer.weights, bias), layer)
        bias_noise = probe.noise(k + 1, name, y)
    activations_noise = probe.noise(k + 1, name, _round_output(probe, layer, parameters))
    noise = (weights_noise, bias_noise, activations_noise)
    return _make_loss(probe, name, type(layer).__name__, target, noise)


def _round_output(probe: Probe, layer: Layer, parameters: Mapping[str, Parameters]) -> Values:
    """The float output plus the error of rounding what the layer makes of rounded inputs."""
    rounded = {name: round_values(probe.exact[name], parameters[name]) for name in layer.inputs}
    y = probe.evaluate(layer, rounded)
    return probe.exact[layer.output] + subtract(round_values(y, parameters[layer.output]), y)


def _make_loss(
    probe: Probe, name: str, kind: str, parameters: Parameters, noise: Noise
) -> tuple[LayerLoss, Noise]:
    values = probe.exact[name]
    low, high = parameters.outer_range
    outside = int(((values < low) | (values > high)).sum())
    weights, bias, activations = (_decibels(part) for part in noise)
    part = outside / max(values.size, 1)
    return LayerLoss(name, kind, weights, bias, activations, 0.0, part), noise


def round_values(values: Values, parameters: Parameters) -> Values:
    """The nearest real numbers that the integers stand for."""
    return parameters.dequantize(parameters.quantize(values))


def subtract(values: Values, exact: Values) -> Values:
    """The difference; none where a maximum is padded with -inf, which int8 does as well."""
    return np.subtract(values, exact, where=np.isfinite(exact), out=np.zeros_like(exact))


def _decibels(noise: float) -> float:
    return -10 * math.log10(noise) if noise else math.inf


def _power(values: Values) -> float:
    return float(np.square(values, dtype=np.float64).sum())
