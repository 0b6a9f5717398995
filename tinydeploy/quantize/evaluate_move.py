"""Layers that move numbers and compute none, as numpy functions."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from tinydeploy.quantize.network import (
    Concat,
    Gather,
    Layer,
    Pad,
    Requantize,
    Reshape,
    Shape,
    Slice,
    Transpose,
)

Values = NDArray[np.float32]


def evaluate_move(layer: Layer, inputs: list[Values], shape: Shape) -> Values | None:
    """The output of such a layer, for a batch of any size; None for a layer that computes.

    Args:
        layer: Any layer.
        inputs: float32 [n, ...].
        shape: The output's, with a batch of 1.
    """
    x = inputs[0]
    if isinstance(layer, Requantize):
        return x
    if isinstance(layer, Reshape):
        return x.reshape(len(x), *shape[1:])
    if isinstance(layer, Pad):
        return np.pad(x, layer.amounts, constant_values=layer.value)
    if isinstance(layer, Transpose):
        return np.ascontiguousarray(x.transpose(layer.order))
    if isinstance(layer, Concat):
        return np.concatenate(inputs, axis=layer.axis)
    if isinstance(layer, Gather):
        return x.take(layer.indices, axis=layer.axis)
    if isinstance(layer, Slice):
        for axis, taken in enumerate(layer.ranges[1:], 1):
            if taken != range(x.shape[axis]):
                x = x.take(taken, axis=axis)
        return np.ascontiguousarray(x)
    return None
