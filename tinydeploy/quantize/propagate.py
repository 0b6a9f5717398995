"""The float network and the quantized one side by side on samples, layer by layer.

Each convolution is quantized when its turn comes, on what the quantized layers before it give.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass

import numpy as np

from tinydeploy.quantize.activations import Integers, Parameters
from tinydeploy.quantize.evaluate import Values, evaluate_layer
from tinydeploy.quantize.layer_quality import LayerQuality, measure_layer
from tinydeploy.quantize.network import Conv, Layer, Network, last_uses
from tinydeploy.quantize.quantize_conv import ConvSamples, quantize_conv
from tinydeploy.quantize.recipe import Recipe
from tinydeploy.quantize.weights import QuantizedConv

# Samples that layers other than convolutions are evaluated for at once.
_CHUNK = 8


@dataclass(frozen=True, eq=False)
class QuantizedLayers:
    """What quantizing the layers gave.

    Args:
        convolutions: By the name of their output.
        qualities: How close each layer's output is to the float network's, in order.
    """

    convolutions: Mapping[str, QuantizedConv]
    qualities: tuple[LayerQuality, ...]


def quantize_layers(
    network: Network,
    parameters: Mapping[str, Parameters],
    samples: Values,
    recipe: Recipe,
    progress: Callable[[float], None] | None = None,
) -> QuantizedLayers:
    """Integer weights and biases of all convolutions.

    Args:
        network: Folded, and equalized if that is wanted.
        parameters: Of every tensor.
        samples: float32 [n, H, W, C] inputs of the network.
        recipe: How weights and biases are found.
        progress: Told the part done, 0 to 1.
    """
    convolutions: dict[str, QuantizedConv] = {}
    qualities: list[LayerQuality] = []
    # What float and quantized network give; the latter as integers, which is what it computes.
    exact: dict[str, Values] = {network.input: samples}
    coarse: dict[str, Integers] = {network.input: parameters[network.input].quantize(samples)}
    last = last_uses(network.layers)
    for k, layer in enumerate(network.layers):
        corrected_db = 0.0
        target = parameters[layer.output]
        if isinstance(layer, Conv):
            (name,) = layer.inputs
            seen = ConvSamples(layer, parameters[name], target, exact[name], coarse[name])
            found = quantize_conv(seen, network.shapes[layer.output][1:], recipe)
            convolutions[layer.output] = found.quantized
            exact[layer.output], coarse[layer.output] = found.exact, found.coarse
            corrected_db = found.corrected_db
        else:
            _evaluate(layer, network, parameters, exact, coarse)
        qualities.append(
            measure_layer(layer, exact[layer.output], coarse[layer.output], target, corrected_db)
        )
        for name in {*layer.inputs, layer.output}:
            if last.get(name, k) == k:
                del exact[name], coarse[name]
        if progress is not None:
            progress((k + 1) / len(network.layers))
    return QuantizedLayers(convolutions, tuple(qualities))


def _evaluate(
    layer: Layer,
    network: Network,
    parameters: Mapping[str, Parameters],
    exact: dict[str, Values],
    coarse: dict[str, Integers],
) -> None:
    """Fills in what a layer without weights gives."""
    count = len(exact[layer.inputs[0]])
    shape = (count, *network.shapes[layer.output][1:])
    exact[layer.output] = np.empty(shape, np.float32)
    coarse[layer.output] = np.empty(shape, parameters[layer.output].dtype)
    for start in range(0, count, _CHUNK):
        part = slice(start, start + _CHUNK)
        inputs = [exact[name][part] for name in layer.inputs]
        exact[layer.output][part] = evaluate_layer(layer, inputs, shape)
        inputs = [parameters[name].dequantize(coarse[name][part]) for name in layer.inputs]
        found = evaluate_layer(layer, inputs, shape)
        coarse[layer.output][part] = parameters[layer.output].quantize(found)
