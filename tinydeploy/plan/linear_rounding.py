"""Requantization as one multiplication, one addition and one shift, where that is provably exact.

A requantized output is a non-decreasing function of the integer accumulator with at most 255 steps.
The reference computes it with a rounding or two; a core with few instructions to spare computes

    y = floor((accumulator * multiplier + addend) / 2^shift)

which is non-decreasing too. Two such functions are equal if they are equal on both sides of every
step. For a given multiplier each step bounds the addend once from each side: the addends that do
form an interval, and where it is empty, multipliers close by may do. Halves that are rounded away
from zero, for one, are met by a multiplier that is too large by a trifle.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

Int64 = NDArray[np.int64]

# Tried around the rounded multiplier, in this order.
_NUDGES = (0, 1, -1, 2, -2, 3, 4, -4, 6, 8, -8, 12, 16, -16, 24, 32, -32, 48, 64, 128, 256, 512)
_FREE = np.int64(1) << 62


@dataclass(frozen=True, eq=False)
class Steps:
    """Where non-decreasing functions, one per channel, step up within their domains.

    Args:
        low: int64 [channels], least accumulator.
        high: int64 [channels], greatest accumulator.
        values: int64 [steps], output values that a step leads to.
        first: int64 [channels, steps], least accumulator whose output is at least that value, or
            high + 1 where there is none.
    """

    low: Int64
    high: Int64
    values: Int64
    first: Int64


@dataclass(frozen=True, eq=False)
class Linear:
    """For each channel a multiplier and the addends that make the function exact: int64 [channels].

    Args:
        multiplier: At most the limit that was asked for.
        least: Least addend.
        most: Greatest addend.
    """

    multiplier: Int64
    least: Int64
    most: Int64


def find_steps(
    function: Callable[[Int64], Int64], low: Int64, high: Int64, values: Sequence[int]
) -> Steps:
    """Finds the steps of non-decreasing functions by bisection.

    Args:
        function: Outputs of accumulators, int64 [channels, n] -> [channels, n].
        low: int64 [channels], least accumulator.
        high: int64 [channels], greatest accumulator; -2^61 <= low <= high < 2^61.
        values: Output values whose steps matter: above the lower bound of the output.
    """
    wanted = np.asarray(values, np.int64)[None, :]
    shape = len(low), wanted.shape[1]
    # function(below) < value <= function(above), or beyond the domain.
    below = np.broadcast_to(low[:, None] - 1, shape).copy()
    above = np.broadcast_to(high[:, None] + 1, shape).copy()
    while (above - below > 1).any():
        middle = (below + above) >> 1
        inside = np.clip(middle, low[:, None], high[:, None])
        reached = (function(inside) >= wanted) & (middle >= low[:, None])
        reached |= middle > high[:, None]
        above = np.where(reached, middle, above)
        below = np.where(reached, below, middle)
    return Steps(low, high, wanted[0], above)


def fit_linear(steps: Steps, multiplier: Int64, shift: int, limit: int) -> Linear | None:
    """Finds exact linear forms close to given multipliers.

    Args:
        steps: The functions.
        multiplier: int64 [channels], to try first; accumulators times it stay below 2^61.
        shift: Of all channels; values shifted left by it stay below 2^61.
        limit: Multipliers must be below it.

    Returns:
        The forms; None if there is a channel for which none was found.
    """
    shape = steps.first.shape
    level = np.broadcast_to(steps.values[None, :] << shift, shape)
    # At `reached` the output must be at least the value, at `missed` less than it.
    reached, missed = steps.first, steps.first - 1
    has_reached = reached <= steps.high[:, None]
    has_missed = missed >= steps.low[:, None]
    chosen = np.full(shape[0], -1, np.int64)
    least, most = np.zeros_like(chosen), np.zeros_like(chosen)
    for nudge in _NUDGES:
        candidate = np.maximum(multiplier + nudge, 0)
        column = candidate[:, None]
        low = np.where(has_reached, level - reached * column, -_FREE).max(axis=1, initial=-_FREE)
        high = np.where(has_missed, level - missed * column - 1, _FREE).min(axis=1, initial=_FREE)
        fits = (low <= high) & (chosen < 0) & (candidate < limit)
        chosen = np.where(fits, candidate, chosen)
        least, most = np.where(fits, low, least), np.where(fits, high, most)
        if (chosen >= 0).all():
            return Linear(chosen, least, most)
    return None
