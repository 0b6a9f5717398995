"""Bias correction: the mean error that quantization leaves in a channel, taken out of its bias.

Layer by layer in order, every layer seeing what the quantized layers before it give: the mean
over the samples of float minus quantized accumulator, counted where the float value lies within
the channel's bounds, is added to the bias. Source: the empirical bias correction of Nagel et al.,
Data-Free Quantization Through Weight Equalization and Bias Correction (ICCV 2019), here with the
clamp taken into account.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import replace

import numpy as np
from numpy.typing import NDArray

from tinydeploy.quantize.activations import Parameters
from tinydeploy.quantize.evaluate import Values, clamp, convolve, evaluate_layer
from tinydeploy.quantize.network import Array, Conv, Network, last_uses
from tinydeploy.quantize.round_weights import (
    fit_weights,
    measure_inputs,
    round_with_compensation,
)
from tinydeploy.quantize.weights import (
    QuantizedConv,
    choose_weight_scales,
    dequantize_weights,
    round_bias,
    round_to_nearest,
)

# Elements that one step of the evaluation works on, to keep temporaries small.
_CHUNK_VALUES = 4 << 20


def quantize_convolutions(
    network: Network,
    parameters: Mapping[str, Parameters],
    samples: Values,
    progress: Callable[[float], None] | None = None,
) -> dict[str, QuantizedConv]:
    """Integer weights and corrected biases of all convolutions.

    Args:
        network: Folded and equalized.
        parameters: Of every tensor.
        samples: float32 [n, H, W, C] inputs of the network.
        progress: Told the part done, 0 to 1.

    Returns:
        By the name of the convolution's output.
    """
    quantized: dict[str, QuantizedConv] = {}
    # What float and quantized network give; the latter as int8, which is what it computes.
    exact: dict[str, Values] = {network.input: samples}
    coarse: dict[str, NDArray[np.int8]] = {
        network.input: parameters[network.input].quantize(samples)
    }
    last = last_uses(network.layers)
    for k, layer in enumerate(network.layers):
        shape = (len(samples), *network.shapes[layer.output][1:])
        exact[layer.output] = np.empty(shape, np.float32)
        coarse[layer.output] = np.empty(shape, np.int8)
        chunks = _chunk_samples(network, layer.inputs[0], layer.output, len(samples))
        target = parameters[layer.output]
        if isinstance(layer, Conv):
            quantized[layer.output] = _quantize_conv(layer, parameters, exact, coarse, chunks)
        else:
            for chunk in chunks:
                inputs = [exact[name][chunk] for name in layer.inputs]
                exact[layer.output][chunk] = evaluate_layer(layer, inputs, shape)
                inputs = [parameters[n].dequantize(coarse[n][chunk]) for n in layer.inputs]
                y = evaluate_layer(layer, inputs, shape)
                coarse[layer.output][chunk] = target.quantize(y)
        for name in {*layer.inputs, layer.output}:
            if last.get(name, k) == k:
                del exact[name], coarse[name]
        if progress is not None:
            progress((k + 1) / len(network.layers))
    return quantized


def _quantize_conv(
    conv: Conv,
    parameters: Mapping[str, Parameters],
    exact: dict[str, Values],
    coarse: dict[str, NDArray[np.int8]],
    chunks: list[slice],
) -> QuantizedConv:
    """Quantizes a convolution and fills in what it gives."""
    (name,) = conv.inputs
    source, target = parameters[name], parameters[conv.output]
    moments = measure_inputs(conv, source.dequantize(coarse[name]), exact[name])
    if moments is None:
        scales = choose_weight_scales(conv, source, target)
        weights = round_to_nearest(conv.weights, scales)
    else:
        fitted = replace(conv, weights=fit_weights(conv.weights, moments))
        scales = choose_weight_scales(fitted, source, target)
        weights = round_with_compensation(fitted.weights, scales, moments.gram)
    rounded = dequantize_weights(weights, scales)
    sums = np.zeros(len(conv.bias))
    counts = np.zeros(len(conv.bias))
    accumulators = np.empty(exact[conv.output].shape, np.float32)
    axes = tuple(range(accumulators.ndim - 1))
    for chunk in chunks:
        y = convolve(conv, exact[name][chunk], conv.weights, conv.bias)
        q = convolve(conv, source.dequantize(coarse[name][chunk]), rounded, conv.bias)
        inside = (y > conv.low) & (y < conv.high)
        sums += np.where(inside, y - q, 0).sum(axis=axes, dtype=np.float64)
        counts += inside.sum(axis=axes)
        exact[conv.output][chunk] = clamp(y, conv)
        accumulators[chunk] = q
    correction = sums / np.maximum(counts, 1)
    bias: Array = conv.bias + correction
    for chunk in chunks:
        q = clamp(accumulators[chunk] + correction.astype(np.float32), conv)
        coarse[conv.output][chunk] = target.quantize(q)
    return QuantizedConv(weights, scales, round_bias(bias, scales, source))


def _chunk_samples(network: Network, source: str, target: str, count: int) -> list[slice]:
    largest = max(int(np.prod(network.shapes[name])) for name in (source, target))
    step = max(1, _CHUNK_VALUES // largest)
    return [slice(start, min(start + step, count)) for start in range(0, count, step)]
