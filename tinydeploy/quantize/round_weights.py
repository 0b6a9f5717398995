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
from collections.abc import Iterable
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

# The search for integers: parts of the scale that reaches the largest weight, moves per weight.
_SCALE_PARTS = (1.0, 0.96, 0.92, 0.88, 0.84, 0.8)
_MOST_MOVES = 4
_LARGEST = 127


@dataclass(frozen=True, eq=False)
class InputMoments:
    """Second moments of what a convolution's kernels see, K = KH * KW * I / groups numbers.

    Args:
        gram: H, [groups, K, K].
        drift: D, [groups, K, K].
    """

    gram: Array
    drift: Array

    def __add__(self, other: InputMoments) -> InputMoments:
        """Those of both sets of inputs, each about its own mean."""
        return InputMoments(self.gram + other.gram, self.drift + other.drift)


def measure_inputs(
    conv: Conv, coarse: Iterable[Values], exact: Values, part: float = 1.0
) -> InputMoments | None:
    """The moments of a convolution's inputs.

    Args:
        conv: A convolution.
        coarse: n times float32 [H, W, I] or [I], as the quantized network gives them.
        exact: [n, H, W, I] or [n, I], the same inputs as the float network gives them.
        part: Which part of all inputs these are.

    Returns:
        None where there are too few input vectors for K weights, or where each of them meets but
        some of the weights.
    """
    if isinstance(conv, TransposeConv):
        return None
    count = round(len(exact) / part)
    wanted = _collect_vectors(conv, exact, count)
    if wanted.shape[1] < _LEAST_VECTORS * wanted.shape[2] * part:
        return None
    seen = _collect_vectors(conv, coarse, count)
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
        q = np.clip(np.rint(remaining[..., j] / steps), -_LARGEST, _LARGEST)
        rounded[..., j] = q
        error = (remaining[..., j] - q * steps) / upper[:, None, j, j]
        remaining[..., j + 1 :] -= error[..., None] * upper[:, None, j, j + 1 :]
    return rounded.reshape(weights.shape)


def reconstruct_weights(
    weights: Array, scales: Array, gram: Array
) -> tuple[NDArray[np.int8], Array]:
    """Integers and scales of least error for inputs like those of the Gram matrix.

    Several scales per output channel are tried, and behind each rounding the weights are moved by
    one step, always the one that helps most, until none helps.

    Args:
        weights: [O, KH, KW, I / groups].
        scales: [O], at most as large as they need to be.
        gram: [groups, K, K].

    Returns:
        int8 weights in [-127, 127], and scales [O].
    """
    groups, size = gram.shape[:2]
    wanted = weights.reshape(groups, -1, size)
    best = np.full(len(weights), np.inf)
    integers = np.zeros((len(weights), size), np.int8)
    chosen = scales.copy()
    for part in _SCALE_PARTS:
        tried = (scales * part).astype(np.float32).astype(np.float64)
        rounded = round_with_compensation(weights, tried, gram).reshape(wanted.shape)
        steps = tried.reshape(groups, -1, 1)
        moved, errors = _descend(wanted / steps, rounded.astype(np.float64), gram)
        errors = (errors * steps[..., 0] ** 2).ravel()
        better = errors < best
        best[better] = errors[better]
        integers[better] = moved.reshape(len(weights), size)[better]
        chosen[better] = tried[better]
    return integers.reshape(weights.shape), chosen


def _descend(wanted: Array, integers: Array, gram: Array) -> tuple[Array, Array]:
    """Moves integers by single steps while (q - w) H (q - w)^T falls; also gives what is left.

    Args:
        wanted: w, [groups, rows, K], in units of the integers.
        integers: q, likewise.
        gram: H, [groups, K, K].
    """
    q = integers.copy()
    slope = (q - wanted) @ gram  # half of the gradient
    diagonal = np.einsum("gkk->gk", gram)[:, None]
    group, row = np.indices(q.shape[:2])
    for _ in range(_MOST_MOVES * q.shape[2]):
        # A step of -sign(slope) changes the sum by H[k, k] - 2 |slope[k]|.
        direction = -np.sign(slope)
        change = diagonal - 2 * np.abs(slope)
        change[np.abs(q + direction) > _LARGEST] = 0
        best = change.argmin(axis=2)
        gain = np.take_along_axis(change, best[..., None], 2)[..., 0]
        active = gain < -1e-9 * np.abs(diagonal).max()
        if not active.any():
            break
        step = np.where(active, direction[group, row, best], 0)
        q[group, row, best] += step
        slope += step[..., None] * gram[group, best]
    left = ((q - wanted) @ gram * (q - wanted)).sum(axis=2)
    return q, np.asarray(left, np.float64)


def _collect_vectors(conv: Conv, inputs: Iterable[Values], count: int) -> Values:
    """What the kernels see, less its mean: [groups, n, K]; at some of the places if there are many.

    Whole inputs are never left out, places are: neighbours tell the same. Each input has its own
    places, so that borders are seen as often as they should be.

    Args:
        conv: The convolution.
        inputs: [H, W, I] or [I] each.
        count: Number of inputs that are looked at altogether.
    """
    size = conv.weights[0].size
    parts = []
    for k, values in enumerate(inputs):
        picture = values.reshape((1,) * (4 - values.ndim) + values.shape)
        places = count * picture[..., 0].size // (conv.stride[0] * conv.stride[1])
        every = max(1, math.isqrt(places // max(_MOST_VECTORS * size, _MANY_VECTORS)))
        phase = (k % every, k // every % every)
        patches = extract_patches(conv, pad(picture, conv.padding), every, phase)
        parts.append(patches.reshape(-1, patches.shape[-1]))
    patches = np.concatenate(parts)
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
