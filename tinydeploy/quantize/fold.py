"""Float-exact rewrites that leave one bounded convolution where there were several layers.

1. Conv -> Affine. With bounds [low, high] and y' = g*y + b per channel:
   g > 0: weights and bias times g, plus b; bounds g*low + b and g*high + b;
   g < 0: the same with the bounds exchanged; g = 0: weights 0, bias b, no bounds.
   This is batch normalization behind a convolution, and behind Conv -> ReLU too: there
   g*max(c, 0) + b = max(g*c + b, b), the clamp form (min for g < 0).
2. Conv -> Clamp: the bounds are clamped themselves. Clamp -> Clamp likewise; Add, Sub, Mul -> Clamp
   where all channels agree.
3. Pad -> Conv: the convolution pads.
4. An Affine that remains is a 1x1 depthwise convolution.
5. Where TFLite wants one quantization for several tensors and fixes that of one of them, a
   Requantize stands in front of it, see tinydeploy.quantize.requantize.

A tensor may be folded away only if one layer reads it and it is not an output of the network.
"""

from __future__ import annotations

import math
from dataclasses import replace

import numpy as np

from tinydeploy.quantize.network import (
    Affine,
    Array,
    Binary,
    Clamp,
    Conv,
    Dense,
    Layer,
    Network,
    Pad,
    Reshape,
    TransposeConv,
)
from tinydeploy.quantize.requantize import add_requantizations


def fold_network(network: Network) -> Network:
    """Applies the rules until none applies; no Affine remains."""
    layers: list[Layer] = []
    shapes = dict(network.shapes)
    for layer in network.layers:
        before = next((p for p in layers if p.output == layer.inputs[0]), None)
        merged = None
        if before is not None and _is_private(network, before.output):
            merged = merge_layers(before, layer)
        if merged is not None:
            assert before is not None
            layers[layers.index(before)] = merged
        elif isinstance(layer, Affine):
            layers.extend(_to_depthwise(layer, shapes))
        else:
            layers.append(layer)
    # A merged layer stands where its first part stood: still before everything that reads it,
    # and behind everything it reads, since folding never adds an input.
    folded = replace(network, layers=tuple(layers), shapes=shapes)
    return folded if network.given else add_requantizations(folded)


def merge_layers(first: Layer, second: Layer) -> Layer | None:
    """One layer that does the work of two, if a rule gives one."""
    if isinstance(first, Conv) and isinstance(second, Affine):
        return replace(_scale_outputs(first, second.scale, second.shift), output=second.output)
    if isinstance(first, Conv) and isinstance(second, Clamp):
        low = np.clip(first.low, second.low, second.high)
        high = np.clip(first.high, second.low, second.high)
        return replace(first, low=low, high=high, output=second.output)
    if isinstance(first, Binary) and isinstance(second, Clamp):
        lows, highs = set(second.low.tolist()), set(second.high.tolist())
        if len(lows) > 1 or len(highs) > 1:
            return None
        (low,), (high,) = lows, highs
        bounds = min(max(first.low, low), high), min(max(first.high, low), high)
        return replace(first, low=bounds[0], high=bounds[1], output=second.output)
    if isinstance(first, Clamp) and isinstance(second, Clamp):
        low = np.clip(first.low, second.low, second.high)
        high = np.clip(first.high, second.low, second.high)
        return replace(first, low=low, high=high, output=second.output)
    is_convolution = isinstance(second, Conv) and not isinstance(second, (Dense, TransposeConv))
    if isinstance(first, Pad) and is_convolution and first.padding is not None:
        assert isinstance(second, Conv)
        top, left, bottom, right = (
            a + b for a, b in zip(first.padding, second.padding, strict=True)
        )
        return replace(second, padding=(top, left, bottom, right), inputs=first.inputs)
    return None


def _scale_outputs(conv: Conv, scale: Array, shift: Array) -> Conv:
    # 0 * inf must not appear: bounds of dead channels are set apart.
    safe = np.where(scale == 0, 1.0, scale)
    bounds = safe * conv.low + shift, safe * conv.high + shift
    low = np.where(scale > 0, bounds[0], bounds[1])
    high = np.where(scale > 0, bounds[1], bounds[0])
    return replace(
        conv,
        weights=conv.weights * scale[:, None, None, None],
        scales=None if conv.scales is None else conv.scales * np.abs(safe),
        bias=conv.bias * scale + shift,
        low=np.where(scale == 0, -np.inf, low),
        high=np.where(scale == 0, np.inf, high),
    )


def _is_private(network: Network, tensor: str) -> bool:
    return tensor not in network.outputs and len(network.consumers(tensor)) == 1


def _to_depthwise(affine: Affine, shapes: dict[str, tuple[int, ...]]) -> list[Layer]:
    (source,) = affine.inputs
    channels = len(affine.scale)
    conv = Conv(
        inputs=(source,),
        output=affine.output,
        weights=affine.scale.reshape(-1, 1, 1, 1).copy(),
        bias=affine.shift,
        low=np.full(channels, -np.inf),
        high=np.full(channels, np.inf),
        groups=channels,
    )
    shape = shapes[source]
    if len(shape) == 4:
        return [conv]
    inner, outer = f"{affine.output}/in", f"{affine.output}/out"
    shapes[inner] = shapes[outer] = (1, 1, math.prod(shape[:-1]), channels)
    return [
        Reshape((source,), inner),
        replace(conv, inputs=(inner,), output=outer),
        Reshape((outer,), affine.output),
    ]
