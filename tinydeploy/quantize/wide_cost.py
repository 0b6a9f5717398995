"""What int16 activations cost, roughly: instructions and bytes, before anything is planned.

Instructions are those of the generated kernels on a Cortex-M7, per product and per element, with
int8 and with int16. RAM is that of a schedule that streams the first layers by rows and runs the
others one after the other, at the best place for the change: which is what the planner does, and
the reason why large early tensors cost little RAM.
"""

from __future__ import annotations

import math
from collections.abc import Mapping

from tinydeploy.quantize.network import (
    Conv,
    Dense,
    Layer,
    Mean,
    Network,
    Pool,
    Requantize,
    Reshape,
    Softmax,
    TransposeConv,
    last_uses,
)

# Instructions: of a product, of an element of the largest tensor, with int8 and with int16.
_PRODUCT = {"int8": 0.9, "int16": 5.0}
_DEPTHWISE_PRODUCT = {"int8": 1.6, "int16": 6.0}
_ELEMENT = {"int8": 6.0, "int16": 12.0}
_SOFTMAX_ELEMENT = {"int8": 45.0, "int16": 80.0}
_CONVERSION = 14.0  # of an element from one type to the other
_BOUND = 12.0  # of an element; with int8, bounds of channels cost nothing


def count_products(network: Network, layer: Layer) -> int:
    """Multiplications of a convolution; 0 of other layers."""
    if not isinstance(layer, Conv):
        return 0
    which = layer.inputs[0] if isinstance(layer, TransposeConv) else layer.output
    pixels = math.prod(network.shapes[which][:-1])
    return pixels * layer.weights.size


def estimate_layer(network: Network, layer: Layer, dtype: str) -> float:
    """Instructions of a layer with activations of a type, "int8" or "int16"."""
    size = max(math.prod(network.shapes[name]) for name in (*layer.inputs, layer.output))
    if isinstance(layer, Reshape):
        return 0.0
    if isinstance(layer, Requantize):
        return _CONVERSION * size
    if isinstance(layer, Softmax):
        return _SOFTMAX_ELEMENT[dtype] * size
    if isinstance(layer, Conv):
        size = math.prod(network.shapes[layer.output])
        each = _DEPTHWISE_PRODUCT if layer.is_depthwise else _PRODUCT
        bounds = _BOUND * size * _count_bounds(layer) if dtype == "int16" else 0.0
        return each[dtype] * count_products(network, layer) + _ELEMENT[dtype] * size + bounds
    return _ELEMENT[dtype] * size


def estimate_conversion(network: Network, tensor: str) -> float:
    """Instructions of turning a tensor from one type into the other."""
    return _CONVERSION * math.prod(network.shapes[tensor])


def _count_bounds(conv: Conv) -> int:
    """Operators for bounds that are no activation function: 0 to 2."""
    low = math.isfinite(conv.low.max()) and not (conv.low == 0).all()
    return int(low) + int(math.isfinite(conv.high.min()))


def estimate_ram(network: Network, bytes_each: Mapping[str, int]) -> int:
    """Bytes of activations that are alive at once, at most.

    Args:
        network: In any form.
        bytes_each: Bytes of an element of each tensor, with what is made from it beside it.
    """
    sizes = {
        name: math.prod(network.shapes[name]) * bytes_each[name]
        for name in (network.input, *(layer.output for layer in network.layers))
    }
    last = last_uses(network.layers)
    made = {network.input: -1} | {layer.output: k for k, layer in enumerate(network.layers)}
    count = len(network.layers)
    alive = [0] * count
    for name, size in sizes.items():
        for k in range(max(made[name], 0), last.get(name, max(made[name], 0)) + 1):
            alive[k] += size
    rows = _rows_wanted(network)
    streamed, best, peaks = sizes[network.input], max(alive), [0] * (count + 1)
    for k in reversed(range(count)):
        peaks[k] = max(peaks[k + 1], alive[k])
    for k, layer in enumerate(network.layers):
        if _reads_all(layer):
            break
        best = min(best, max(streamed + sizes[layer.output], peaks[k + 1]))
        shape = network.shapes[layer.output]
        height = shape[1] if len(shape) == 4 else 1
        streamed += sizes[layer.output] * min(rows.get(layer.output, 1), height) // height
    return best


def _rows_wanted(network: Network) -> dict[str, int]:
    """Rows of each tensor that the layers that read it see at once."""
    rows: dict[str, int] = {}
    for layer in network.layers:
        window = 1
        if isinstance(layer, Conv):
            window = (layer.kernel[0] - 1) * layer.dilation[0] + 1
        elif isinstance(layer, Pool):
            window = layer.kernel[0]
        for name in layer.inputs:
            rows[name] = max(rows.get(name, 1), window)
    return rows


def _reads_all(layer: Layer) -> bool:
    """Whether a layer cannot be streamed."""
    return isinstance(layer, (Dense, Mean, Reshape, Softmax, TransposeConv))
