"""What int16 activations cost, roughly: instructions and bytes, before anything is planned.

Instructions are those of the generated kernels on a Cortex-M7, per product and per element, with
int8 and with int16. RAM is that of a schedule that streams the first layers by rows and runs the
others one after the other, at the best place for the change: which is what the planner does, and
the reason why large early tensors cost little RAM.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Collection

from tinydeploy.quantize.network import (
    Activation,
    Add,
    Clamp,
    Concat,
    Conv,
    Dense,
    Extremum,
    Gather,
    Layer,
    Mean,
    Mul,
    Network,
    Pad,
    Pool,
    PRelu,
    Requantize,
    Reshape,
    Resize,
    Slice,
    Softmax,
    Sub,
    Transpose,
    TransposeConv,
    WithConstant,
    last_uses,
)
from tinydeploy.quantize.same_padding import is_same_padding

# Instructions, counted in the emulated board.
_SOFTMAX = (45, 150)  # of an element, int8 and int16
_SUM = (7, 80)
_PRODUCT = (8, 60)
_FUNCTION = (6, 60)
_COPY = (2, 5)
_REORDER = (8, 58)
_TAP = (2.7, 16)  # of an element in a pool's window
_MEAN, _MEAN_OUTPUT = (2, 45), (40, 100)
_CONVERSION = 29.0  # of an element from one type to the other
_BOUND = 50.0  # of an element; with int8, bounds of channels cost nothing


def estimate_layer(network: Network, layer: Layer, *, wide: bool) -> float:
    """Instructions of a layer with int8 activations, or with int16."""
    size = math.prod(network.shapes[layer.output])
    if isinstance(layer, Conv):
        return size * _convolve_element(network, layer, wide)
    if isinstance(layer, Mean):
        return _MEAN[wide] * math.prod(network.shapes[layer.inputs[0]]) + _MEAN_OUTPUT[wide] * size
    if isinstance(layer, Pool):
        return _TAP[wide] * size * math.prod(layer.kernel)
    return size * next((cost[wide] for kind, cost in _ELEMENTS if isinstance(layer, kind)), 0)


def _convolve_element(network: Network, conv: Conv, wide: bool) -> float:
    """Instructions of a number that a convolution gives."""
    products, each = math.prod(conv.weights.shape[1:]), 0.0
    if conv.is_depthwise:
        each = 20 + 10 * products if wide else 2.5 * products
    elif isinstance(conv, TransposeConv):
        inputs = math.prod(network.shapes[conv.inputs[0]][:-1])
        each = 10 + 5 * products * inputs / math.prod(network.shapes[conv.output][:-1])
    else:
        each = 70 + 46 * conv.kernel[0] + 2.2 * products if wide else 15 + 1.1 * products
    if wide and any(conv.padding) and not is_same_padding(conv, network.shapes[conv.inputs[0]]):
        padded = math.prod(network.shapes[conv.inputs[0]])
        each += _REORDER[wide] * padded / math.prod(network.shapes[conv.output])
    return each + (_BOUND * _count_bounds(conv) if wide else 0)


def estimate_conversion(network: Network, tensor: str) -> float:
    """Instructions of turning a tensor from one type into the other."""
    return _CONVERSION * math.prod(network.shapes[tensor])


_ELEMENTS: tuple[tuple[type[Layer] | tuple[type[Layer], ...], tuple[float, float]], ...] = (
    (Softmax, _SOFTMAX),
    ((Add, Sub), _SUM),
    (Mul, _PRODUCT),
    (WithConstant, _SUM),
    ((Activation, PRelu, Requantize, Resize), _FUNCTION),
    ((Clamp, Extremum), (0, _BOUND)),
    ((Concat, Slice), _COPY),
    ((Gather, Pad, Transpose), _REORDER),
)


def _count_bounds(conv: Conv) -> int:
    """Operators for bounds that are no activation function: 0 to 2."""
    low = math.isfinite(conv.low.max()) and not (conv.low == 0).all()
    return int(low) + int(math.isfinite(conv.high.min()))


def estimate_ram(network: Network, is_wide: Callable[[str], bool], split: Collection[str]) -> int:
    """Bytes of activations that are alive at once, at most.

    Args:
        network: All of it int8.
        is_wide: Whether a tensor is computed as int16.
        split: Tensors that are there in both types; the second form is made by rows.
    """
    rows = _rows_wanted(network)
    sizes = {}
    for name in (network.input, *(layer.output for layer in network.layers)):
        size, height = math.prod(network.shapes[name]), _count_rows(network, name)
        sizes[name] = size * (2 if is_wide(name) else 1)
        if name in split:
            copy = size * (1 if is_wide(name) else 2)
            sizes[name] += copy * min(rows.get(name, 1), height) // height
    last = last_uses(network.layers)
    made = {network.input: -1} | {layer.output: k for k, layer in enumerate(network.layers)}
    count = len(network.layers)
    alive = [0] * count
    for name, size in sizes.items():
        for k in range(max(made[name], 0), last.get(name, max(made[name], 0)) + 1):
            alive[k] += size
    streamed, best, peaks = sizes[network.input], max(alive), [0] * (count + 1)
    for k in reversed(range(count)):
        peaks[k] = max(peaks[k + 1], alive[k])
    for k, layer in enumerate(network.layers):
        if _reads_all(layer):
            break
        best = min(best, max(streamed + sizes[layer.output], peaks[k + 1]))
        height = _count_rows(network, layer.output)
        streamed += sizes[layer.output] * min(rows.get(layer.output, 1), height) // height
    return best


def _count_rows(network: Network, tensor: str) -> int:
    shape = network.shapes[tensor]
    return shape[1] if len(shape) == 4 else 1


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
