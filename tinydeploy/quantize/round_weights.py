"""Rounding weights so that errors cancel in what the layer gives, not in the weights.

Weights of an output are rounded one after the other; the error of each is made up for by those
still to come, as far as the inputs are correlated. With H the inputs' Gram matrix, U the upper
Cholesky factor of its inverse and e = (w[j] - rounded) / U[j, j], weight i > j becomes
w[i] - e * U[j, i]. Source: Frantar et al., GPTQ (ICLR 2023), after Hassibi and Stork, Optimal
Brain Surgeon (1993).
"""

from __future__ import annotations

import math

import numpy as np
from numpy.typing import NDArray

from tinydeploy.quantize.evaluate import Values, extract_patches, pad
from tinydeploy.quantize.network import Array, Conv

# Added to the Gram matrix's diagonal, as a part of its mean: keeps the compensation moderate.
_DAMPING = 0.01

# Input vectors per weight of an output: more tell nothing new, fewer would fit their noise.
_MOST_VECTORS = 64
_LEAST_VECTORS = 4
_MANY_VECTORS = 4096


def measure_gram(conv: Conv, inputs: Values) -> Array | None:
    """The Gram matrix [groups, K, K] of what the kernels see, K = KH * KW * I / groups.

    Args:
        conv: A convolution.
        inputs: float32 [n, H, W, I] or [n, I], as the quantized network gives them.

    Returns:
        None where there are too few input vectors for K weights.
    """
    if inputs.ndim == 2:
        inputs = inputs[:, None, None, :]
    size = conv.weights[0].size
    places = inputs[..., 0].size // (conv.stride[0] * conv.stride[1])
    every = max(1, math.isqrt(places // max(_MOST_VECTORS * size, _MANY_VECTORS)))
    patches = extract_patches(conv, pad(inputs, conv.padding), every)
    patches = patches.reshape(
        -1, conv.kernel[0] * conv.kernel[1], conv.groups, conv.weights.shape[3]
    )
    if len(patches) < _LEAST_VECTORS * size:
        return None
    vectors = patches.transpose(2, 0, 1, 3).reshape(conv.groups, len(patches), size)
    vectors = np.ascontiguousarray(vectors)  # else the products do without BLAS
    return np.asarray(vectors.transpose(0, 2, 1) @ vectors, np.float64)


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
    mean = np.trace(gram, axis1=1, axis2=2) / size
    damping = _DAMPING * np.maximum(mean, np.finfo(np.float32).tiny)
    inverse = np.linalg.inv(gram + damping[:, None, None] * np.eye(size))
    upper = np.linalg.cholesky(inverse).transpose(0, 2, 1)
    rounded = np.empty(remaining.shape, np.int8)
    for j in range(size):
        q = np.clip(np.rint(remaining[..., j] / steps), -127, 127)
        rounded[..., j] = q
        error = (remaining[..., j] - q * steps) / upper[:, None, j, j]
        remaining[..., j + 1 :] -= error[..., None] * upper[:, None, j, j + 1 :]
    return rounded.reshape(weights.shape)
