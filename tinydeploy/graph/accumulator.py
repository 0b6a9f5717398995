"""Bounds of the accumulators of layers with weights: what keeps them inside an int32."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from tinydeploy.graph.fixed_point import INT8_MAX, INT8_MIN, INT32_MAX, INT32_MIN


def accumulator_bounds(
    weights: NDArray[np.int8],
    bias: NDArray[np.int32],
    input_zero_point: int,
    input_min: int = INT8_MIN,
    input_max: int = INT8_MAX,
) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
    """The least and the greatest value that any partial sum of a channel's accumulator can take.

    Partial sums run in any order, from 0 or from the bias, so the bounds are those of the sums of
    all negative and of all positive terms; padding contributes 0.

    Args:
        weights: int8 [output channels, taps].
        bias: int32 [output channels].
        input_zero_point: Zero point of the input.
        input_min: Least value of the input.
        input_max: Greatest value of the input.

    Returns:
        (low, high), int64 per output channel, low <= 0 <= high.
    """
    # A term is weight * x with x = input - zero point in [least, most], least <= 0 <= most.
    least, most = input_min - input_zero_point, input_max - input_zero_point
    positive = np.maximum(weights, 0).sum(axis=-1, dtype=np.int64)
    negative = np.minimum(weights, 0).sum(axis=-1, dtype=np.int64)
    low = positive * least + negative * most + np.minimum(bias.astype(np.int64), 0)
    high = positive * most + negative * least + np.maximum(bias.astype(np.int64), 0)
    return low, high


def output_bounds(
    weights: NDArray[np.int8], bias: NDArray[np.int32], input_zero_point: int
) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
    """The least and the greatest value that the whole sum of a channel can take, bias included.

    Arguments are those of `accumulator_bounds`. Partial sums may lie beyond; who computes modulo
    2^32 need not care.
    """
    low, high = accumulator_bounds(weights, np.zeros_like(bias), input_zero_point)
    return low + bias, high + bias


def fits_int32(
    bounds: tuple[NDArray[np.int64], NDArray[np.int64]], shift: NDArray[np.int32]
) -> bool:
    """Whether the accumulators, shifted left where `shift` is positive, stay inside an int32."""
    low, high = bounds
    left = np.maximum(shift.astype(np.int64), 0)
    # The unshifted bounds come first: after them, 31 bits shifted by at most 30 fit in an int64.
    if (low < INT32_MIN).any() or (high > INT32_MAX).any():
        return False
    return bool(((low << left) >= INT32_MIN).all() and ((high << left) <= INT32_MAX).all())
