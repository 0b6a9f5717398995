"""Ranges for the int8 values of a tensor, by several methods, from its histograms.

min-max: all values seen.
percentile: all but a small part of the values at each end.
mse: the range of least mean squared error, rounding and clipping together.
entropy: the range whose 255 steps lose least of the distribution's information, by the
    Kullback-Leibler divergence. Source: Migacz, 8-bit Inference with TensorRT (GTC 2017), here for
    ranges that need not be symmetric.

Of few values the last two would clip those that more would show to be common: they give the
percentile's range there, which reaches beyond what was seen.
"""

from __future__ import annotations

from collections.abc import Callable

import numpy as np

from tinydeploy.quantize.network import Array
from tinydeploy.quantize.recipe import RangeMethod
from tinydeploy.quantize.statistics import TensorStatistics, extrapolation

Range = tuple[float, float]

# Values beyond this quantile, at each end, are clipped: a rare value costs all others resolution.
TAIL = 5e-5

# Parts of the range seen that the searches try.
_FRACTIONS = np.linspace(0.1, 1, 46)
_LEVELS = 256


def find_range(statistics: TensorStatistics, method: RangeMethod) -> Range:
    """The range to cover, which holds 0.

    Args:
        statistics: Of the tensor.
        method: See above.
    """
    factor = extrapolation(statistics.channel_count, TAIL)
    if method == "percentile" or (method != "min-max" and factor > 1):
        low, high = statistics.quantile_range(TAIL)  # extrapolates itself
    elif method == "min-max":
        low, high = (factor * bound for bound in statistics.range)
    else:
        loss = _squared_error if method == "mse" else _lost_information
        low, high = _search(statistics.range, statistics, loss)
    return min(low, 0.0), max(high, 0.0)


def _search(
    widest: Range, statistics: TensorStatistics, loss: Callable[[Array, Array, Range], float]
) -> Range:
    """The range of least loss: both ends together first, then one after the other."""
    low, high = min(widest[0], 0.0), max(widest[1], 0.0)
    if low == high:
        return low, high
    counts, edges = statistics.pool()
    centers = (edges[1:] + edges[:-1]) / 2

    def best_of(candidates: list[Range]) -> Range:
        return min(candidates, key=lambda candidate: loss(counts, centers, candidate))

    fractions = _FRACTIONS[::-1].tolist()  # of equals the widest
    low, high = best_of([(f * low, f * high) for f in fractions])
    if low < 0 < high:
        low, high = best_of([(f * low, high) for f in fractions])
        low, high = best_of([(low, f * high) for f in fractions])
    return low, high


def _squared_error(counts: Array, centers: Array, tried: Range) -> float:
    step = (tried[1] - tried[0]) / (_LEVELS - 1)
    nearest = np.clip(np.rint(centers / step) * step, *tried)
    return float((counts * (centers - nearest) ** 2).sum())


def _lost_information(counts: Array, centers: Array, tried: Range) -> float:
    """Divergence of the values, clipped, from what is known of them after quantization."""
    inside = (centers >= tried[0]) & (centers <= tried[1])
    if not inside.any():
        return np.inf
    kept = counts[inside]
    # What lies outside ends at the bounds; the quantized distribution knows nothing of it.
    clipped = kept.copy()
    first, last = np.flatnonzero(inside)[[0, -1]]
    clipped[0] += counts[:first].sum()
    clipped[-1] += counts[last + 1 :].sum()
    step = (tried[1] - tried[0]) / (_LEVELS - 1)
    level = np.rint((centers[inside] - tried[0]) / step).astype(np.int64)
    full = kept > 0
    mass = np.bincount(level, kept, _LEVELS)
    width = np.bincount(level[full], minlength=_LEVELS)
    expected = np.where(full, mass[level] / np.maximum(width[level], 1), 0)
    used = (clipped > 0) & (expected > 0)
    p = clipped / clipped.sum()
    q = expected / max(float(expected.sum()), np.finfo(float).tiny)
    missing = float(p[(clipped > 0) & ~used].sum())
    tiny = 1e-12  # as if a value there had been expected this rarely
    return float((p[used] * np.log(p[used] / q[used])).sum()) - missing * float(np.log(tiny))
