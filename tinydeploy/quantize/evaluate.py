"""The layers of a network as numpy functions on NHWC arrays, for a batch of inputs."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.lib.stride_tricks import sliding_window_view
from numpy.typing import NDArray

from tinydeploy.quantize.evaluate_elementwise import evaluate_elementwise
from tinydeploy.quantize.evaluate_move import evaluate_move
from tinydeploy.quantize.network import (
    Clamp,
    Conv,
    Layer,
    MaxPool,
    Mean,
    Pool,
    Resize,
    Shape,
    Softmax,
    TransposeConv,
)
from tinydeploy.quantize.resize_places import bilinear_weights, nearest_places

Values = NDArray[np.float32]


def evaluate_layer(layer: Layer, inputs: list[Values], shape: Shape) -> Values:
    """A layer's output.

    Args:
        layer: Any layer but Affine.
        inputs: float32 [n, H, W, C] or [n, C].
        shape: The output's, with a batch of 1.
    """
    x = inputs[0]
    if isinstance(layer, Conv):
        return clamp(convolve(layer, x, layer.weights, layer.bias), layer)
    if isinstance(layer, Clamp):
        return clamp(x, layer)
    if isinstance(layer, Mean):
        means: Values = x.mean(axis=layer.axes, dtype=np.float32)
        return means.reshape(len(x), *shape[1:])
    if isinstance(layer, Pool):
        return _pool(layer, x)
    if isinstance(layer, Resize):
        return _resize(layer, x, shape)
    if isinstance(layer, Softmax):
        e = np.exp(x - x.max(axis=-1, keepdims=True))
        return np.asarray(e / e.sum(axis=-1, keepdims=True))
    moved = evaluate_move(layer, inputs, shape)
    return evaluate_elementwise(layer, inputs) if moved is None else moved


def _pool(layer: Pool, x: Values) -> Values:
    if isinstance(layer, MaxPool):
        windows = _windows(layer, pad(x, layer.padding, -np.inf))
        return np.ascontiguousarray(windows.max(axis=(-2, -1)))
    total = _windows(layer, pad(x, layer.padding)).sum(axis=(-2, -1), dtype=np.float32)
    ones = np.ones((1, *x.shape[1:3], 1), np.float32)
    count = _windows(layer, pad(ones, layer.padding)).sum(axis=(-2, -1))
    return np.asarray(total / count)


def _resize(layer: Resize, x: Values, shape: Shape) -> Values:
    """Rows, then columns."""
    ends = (layer.align_corners, layer.half_pixel)
    if layer.kind == "RESIZE_BILINEAR":
        for axis in (1, 2):
            weights = bilinear_weights(x.shape[axis], shape[axis], *ends).astype(np.float32)
            x = np.moveaxis(np.tensordot(weights, x, (1, axis)), 0, axis)
        return np.ascontiguousarray(x)
    for axis in (1, 2):
        x = x.take(nearest_places(x.shape[axis], shape[axis], *ends).astype(int), axis)
    return x


def clamp(values: Values, layer: Conv | Clamp) -> Values:
    """Values within the layer's bounds."""
    if np.isneginf(layer.low).all() and np.isposinf(layer.high).all():
        return values
    return np.clip(values, layer.low.astype(np.float32), layer.high.astype(np.float32))


def convolve(
    layer: Conv, x: Values, weights: NDArray[np.floating[Any]], bias: NDArray[np.floating[Any]]
) -> Values:
    """A convolution before its bounds, with other weights than its own.

    Args:
        layer: Tells stride, dilation, padding and groups.
        x: float32 [n, H, W, I], or [n, I].
        weights: [O, KH, KW, I / groups].
        bias: [O].

    Returns:
        float32 [n, OH, OW, O], or [n, O].
    """
    if isinstance(layer, TransposeConv):
        y = _convolve_transposed(layer, x, weights.astype(np.float32))
        y += bias.astype(np.float32)
        return y
    if x.ndim == 2:
        return x @ weights[:, 0, 0].T.astype(np.float32) + bias.astype(np.float32)
    x = pad(x, layer.padding)
    weights = weights.astype(np.float32)
    if layer.is_depthwise:
        y = _convolve_depthwise(layer, x, weights)
    else:
        width = weights.shape[3]
        outputs = len(weights) // layer.groups
        parts = [
            extract_patches(layer, x[..., g * width : (g + 1) * width])
            @ weights[g * outputs : (g + 1) * outputs].reshape(outputs, -1).T
            for g in range(layer.groups)
        ]
        y = parts[0] if len(parts) == 1 else np.concatenate(parts, axis=-1)
    y += bias.astype(np.float32)
    return y


def extract_patches(
    layer: Conv, x: Values, every: int = 1, phase: tuple[int, int] = (0, 0)
) -> Values:
    """What a kernel sees at each place, taps outside and channels inside.

    Args:
        layer: Tells kernel, stride and dilation.
        x: float32 [n, H, W, C], padded.
        every: Leave out all places but each so-many-th row and column of the output.
        phase: First row and column to take.

    Returns:
        float32 [n, OH, OW, KH * KW * C]; a view of x where it can be.
    """
    taps = [
        _tap(layer, x, i, j)[:, phase[0] :: every, phase[1] :: every]
        for i in range(layer.kernel[0])
        for j in range(layer.kernel[1])
    ]
    return taps[0] if len(taps) == 1 else np.concatenate(taps, axis=-1)


def pad(x: Values, padding: tuple[int, int, int, int], value: float = 0.0) -> Values:
    """A picture with a margin."""
    if not any(padding):
        return x
    top, left, bottom, right = padding
    return np.pad(x, ((0, 0), (top, bottom), (left, right), (0, 0)), constant_values=value)


def _convolve_depthwise(layer: Conv, x: Values, weights: Values) -> Values:
    multiplier = len(weights) // x.shape[-1]
    if multiplier > 1:
        x = np.repeat(x, multiplier, axis=-1)
    total: Values | None = None
    for i in range(layer.kernel[0]):
        for j in range(layer.kernel[1]):
            part = _tap(layer, x, i, j) * weights[:, i, j, 0]
            total = part if total is None else np.add(total, part, out=total)
    assert total is not None
    return total


def _convolve_transposed(layer: TransposeConv, x: Values, weights: Values) -> Values:
    (kh, kw), (sh, sw) = layer.kernel, layer.stride
    n, height, width, _ = x.shape
    whole = np.zeros((n, (height - 1) * sh + kh, (width - 1) * sw + kw, len(weights)), np.float32)
    for i in range(kh):
        for j in range(kw):
            whole[:, i : i + height * sh : sh, j : j + width * sw : sw] += x @ weights[:, i, j].T
    (top, left), (out_height, out_width) = layer.padding[:2], layer.size
    y = np.zeros((n, out_height, out_width, len(weights)), np.float32)
    kept = whole[:, top : top + out_height, left : left + out_width]
    y[:, : kept.shape[1], : kept.shape[2]] = kept
    return y


def _tap(layer: Conv, x: Values, i: int, j: int) -> Values:
    """What tap (i, j) of the kernel sees at each place."""
    (kh, kw), (sh, sw), (dh, dw) = layer.kernel, layer.stride, layer.dilation
    height = (x.shape[1] - (kh - 1) * dh - 1) // sh + 1
    width = (x.shape[2] - (kw - 1) * dw - 1) // sw + 1
    top, left = i * dh, j * dw
    return x[:, top : top + (height - 1) * sh + 1 : sh, left : left + (width - 1) * sw + 1 : sw]


def _windows(layer: Pool, x: Values) -> Values:
    """[n, OH, OW, C, KH, KW] of a padded [n, H, W, C]."""
    windows = sliding_window_view(x, layer.kernel, axis=(1, 2))
    return windows[:, :: layer.stride[0], :: layer.stride[1]]
