"""A network that brings its own scales along (QDQ ONNX): nothing is measured, nothing is chosen.

Scales and zero points of activations and weights are taken over; where TFLite wants one
quantization for several tensors and the model has others, or where TFLite fixes one, a Requantize
stands between. Weights without scales get the least that reach their largest.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace

import numpy as np

from tinydeploy.errors import UnsupportedModelError
from tinydeploy.quantize.activations import Parameters
from tinydeploy.quantize.network import Conv, Layer, Network, Requantize
from tinydeploy.quantize.weights import (
    QuantizedConv,
    choose_weight_scales,
    round_bias,
    round_to_nearest,
)

# Accumulator units that a bias may have; scales that make it more are chosen anew.
_MAX_BIAS = 2.0**30


@dataclass(frozen=True, eq=False)
class LoweredNetwork:
    """All that a .tflite file is written from.

    Args:
        network: With Requantize layers where they are needed.
        parameters: Of every tensor.
        convolutions: By the name of their output.
    """

    network: Network
    parameters: Mapping[str, Parameters]
    convolutions: Mapping[str, QuantizedConv]


def lower_quantized(network: Network, name: str) -> LoweredNetwork:
    """Integers for a folded network whose `given` tells all scales.

    Args:
        network: Folded.
        name: What to call the model in errors.

    Raises:
        UnsupportedModelError: Tensors whose scales the model does not tell, all of them named.
    """
    given = _spread_backwards(network)
    assigner = _Assigner(network, given)
    for layer in network.layers:
        assigner.add(layer)
    if assigner.missing:
        raise UnsupportedModelError(
            f"{name} is quantized in part; there are no scales of: {', '.join(assigner.missing)}",
            "Quantize all operators, or give the float model and calibration data.",
        )
    lowered = replace(network, layers=tuple(assigner.layers), shapes=assigner.shapes)
    convolutions = {
        layer.output: _quantize_conv(layer, assigner.parameters)
        for layer in lowered.layers
        if isinstance(layer, Conv)
    }
    return LoweredNetwork(lowered, assigner.parameters, convolutions)


def _spread_backwards(network: Network) -> dict[str, Parameters]:
    """The scales given, those of handed on tensors also in front of the layers that hand on."""
    given = {tensor: Parameters(*told) for tensor, told in network.given.items()}
    for layer in reversed(network.layers):
        if layer.hands_on and layer.output in given:
            for tensor in layer.inputs:
                given.setdefault(tensor, given[layer.output])
    return given


class _Assigner:
    """Gives each tensor in turn its quantization."""

    def __init__(self, network: Network, given: Mapping[str, Parameters]) -> None:
        self.layers: list[Layer] = []
        self.shapes = dict(network.shapes)
        self.parameters: dict[str, Parameters] = {}
        self.missing: list[str] = []
        self._given = given
        self._set(network.input, given.get(network.input))

    def add(self, layer: Layer) -> None:
        """Appends a layer whose inputs have their quantization, and Requantize layers."""
        wanted = self._given.get(layer.output)
        fixed = layer.fixed_quantization
        if fixed is not None:
            self._add_as(layer, Parameters(*fixed), wanted)
        elif layer.hands_on and len(layer.inputs) == 1:
            self._add_as(layer, self.parameters[layer.inputs[0]], wanted)
        elif layer.hands_on:
            target = wanted or self.parameters[layer.inputs[0]]
            inputs = tuple(
                self._requantize(tensor, target, f"{layer.output}/input {k}")
                for k, tensor in enumerate(layer.inputs)
            )
            self._append(replace(layer, inputs=inputs), target)
        else:
            self._append(layer, wanted)

    def _add_as(self, layer: Layer, made: Parameters, wanted: Parameters | None) -> None:
        """A layer that gives one quantization where another may be wanted."""
        if wanted is None or wanted == made:
            self._append(layer, made)
            return
        raw = f"{layer.output}/as computed"
        self.shapes[raw] = self.shapes[layer.output]
        self._append(replace(layer, output=raw), made)
        self._append(Requantize((raw,), layer.output), wanted)

    def _requantize(self, tensor: str, target: Parameters, name: str) -> str:
        if self.parameters[tensor] == target:
            return tensor
        self.shapes[name] = self.shapes[tensor]
        self._append(Requantize((tensor,), name), target)
        return name

    def _append(self, layer: Layer, parameters: Parameters | None) -> None:
        self.layers.append(layer)
        self._set(layer.output, parameters)

    def _set(self, tensor: str, parameters: Parameters | None) -> None:
        if parameters is None:
            self.missing.append(tensor)
        self.parameters[tensor] = parameters or Parameters(1.0, 0)


def _quantize_conv(conv: Conv, parameters: Mapping[str, Parameters]) -> QuantizedConv:
    source, target = parameters[conv.inputs[0]], parameters[conv.output]
    scales = choose_weight_scales(conv, source, target)
    if conv.scales is not None:
        given = np.asarray(conv.scales.astype(np.float32), np.float64)
        if (np.abs(conv.bias) < _MAX_BIAS * given * source.scale).all():
            scales = given
    weights = round_to_nearest(conv.weights, scales)
    return QuantizedConv(weights, scales, round_bias(conv.bias, scales, source))
