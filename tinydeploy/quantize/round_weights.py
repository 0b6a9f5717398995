"""Integer weights chosen by what the layer gives on samples, not by nearness of the weights.

Two steps, both from second moments of the layer's inputs x (of the float network) and x' (of the
quantized one), about their means, which the bias takes care of:

1. The weights are moved so that W' x' is close to W x: W' = W + W D (H + ridge)^-1 with
   H = sum x' x'^T and D = sum (x - x') x'^T. It makes up for what rounding and clipping did to the
   layers before. Source: the asymmetric reconstruction of Nagel et al., Up or Down? Adaptive
   Rounding for Post-Training Quantization (ICML 2020), here as a ridge regression.
2. They are rounded one after the other; the error of each is made up for by those still to come,
   as far as the inputs are correlated: with U the upper Cholesky factor of H^-1 and
   e = (w[j] - rounded) / U[j, j], weight i > j becomes w[i] - e * U[j, i]. Source: Frantar et al.,
   GPTQ (ICLR 2023), after Hassibi and Stork, Optimal Brain Surgeon (1993).
"""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from tinydeploy.quantize.evaluate import Values, extract_patches, pad
from tinydeploy.quantize.network import Array, Conv, TransposeConv

# Both as a part of the mean of H's diagonal. The ridge is strong: weights leave what training gave
# them only where the samples ask for it clearly, and other data will too.
_RIDGE = 1.0
_DAMPING = 0.01

# Input vectors per weight of an output: more tell nothing new, fewer would fit their noise.
_MOST_VECTORS = 64
_LEAST_VECTORS = 4
_MANY_VECTORS = 4096


@dataclass(frozen=True, eq=False)
class InputMoments:
    """Second moments of what a convolution's kernels see, K = KH * KW * I / groups numbers.

    Args:
        gram: H, [groups, K, K].
        drift: D, [groups, K, K].
    """

    gram: Array
    drift: Array


def measure_inputs(conv: Conv, coarse: Values, exact: Values) -> InputMoments | None:
    """The moments of a convolution's inputs.

    Args:
        conv: A convolution.
        coarse: float32 [n, H, W, I] or [n, I], as the quantized network gives them.
        exact: The same inputs as the float network gives them.

    Returns:
        None where there are too few input vectors for K weights, or where each of them meets but
        some of the weights.
    """
    if isinstance(conv, TransposeConv):
        return None
    seen, wanted = _collect_vectors(conv, coarse), _collect_vectors(conv, exact)
    if seen.shape[1] < _LEAST_VECTORS * seen.shape[2]:
        return None
    gram = seen.transpose(0, 2, 1) @ seen
    drift = (wanted - seen).transpose(0, 2, 1) @ seen
    return InputMoments(gram.astype(np.float64), drift.astype(np.float64))


def fit_weights(weights: Array, moments: InputMoments) -> Array:
    """Weights that give on the quantized network's inputs what these give on the float ones.

    Args:
        weights: [O, KH, KW, I / groups].
        moments: Of the inputs.

    Returns:
        The weights' shape.
    """
    grouped = weights.reshape(len(moments.gram), -1, moments.gram.shape[1])
    fitted = grouped + grouped @ moments.drift @ _invert(moments.gram, _RIDGE)
    return fitted.reshape(weights.shape)


def round_with_compensation(weights: Array, scales: Array, gram: Array) -> NDArray[np.int8]:
    """Integer weights whose errors cancel for inputs like those of the Gram matrix.

    Args:
        weights: [O, KH, KW, I / groups].
        scales: [O].
        gram: [groups, K, K].

    Returns:
        int8, the weights' shape, in [-127, 127].
    """
    groups, size = gram.shape[:2]
    remaining = weights.reshape(groups, -1, size).copy()
    steps = scales.reshape(groups, -1)
    upper = np.linalg.cholesky(_invert(gram, _DAMPING)).transpose(0, 2, 1)
    rounded = np.empty(remaining.shape, np.int8)
    for j in range(size):
        q = np.clip(np.rint(remaining[..., j] / steps), -127, 127)
        rounded[..., j] = q
        error = (remaining[..., j] - q * steps) / upper[:, None, j, j]
        remaining[..., j + 1 :] -= error[..., None] * upper[:, None, j, j + 1 :]
    return rounded.reshape(weights.shape)


def _collect_vectors(conv: Conv, inputs: Values) -> Values:
    """What the kernels see, less its mean: [groups, n, K]; at some of the places if there are many.

    Whole inputs are never left out, places are: neighbours tell the same. Each input has its own
    places, so that borders are seen as often as they should be.
    """
    if inputs.ndim == 2:
        inputs = inputs[:, None, None, :]
    size = conv.weights[0].size
    places = inputs[..., 0].size // (conv.stride[0] * conv.stride[1])
    every = max(1, math.isqrt(places // max(_MOST_VECTORS * size, _MANY_VECTORS)))
    padded = pad(inputs, conv.padding)
    if every == 1:
        patches = extract_patches(conv, padded)
    else:
        parts = [
            extract_patches(conv, padded[k : k + 1], every, (k % every, k // every % every))
            for k in range(len(padded))
        ]
        patches = np.concatenate([part.reshape(-1, part.shape[-1]) for part in parts])
    # Taps lie outside, channels inside: [n, taps, groups, I / groups].
    taps, width = conv.kernel[0] * conv.kernel[1], conv.weights.shape[3]
    patches = patches.reshape(-1, taps, conv.groups, width)
    vectors = patches.transpose(2, 0, 1, 3).reshape(conv.groups, len(patches), size)
    # The difference is contiguous; products of views would do without BLAS.
    return np.ascontiguousarray(vectors - vectors.mean(axis=1, keepdims=True))


def _invert(gram: Array, part: float) -> Array:
    """The inverse, with a part of the mean of the diagonal added to the diagonal."""
    size = gram.shape[1]
    mean = np.trace(gram, axis1=1, axis2=2) / size
    added = part * np.maximum(mean, np.finfo(np.float32).tiny)
    return np.asarray(np.linalg.inv(gram + added[:, None, None] * np.eye(size)), np.float64)
