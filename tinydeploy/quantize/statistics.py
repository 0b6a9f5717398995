"""What calibration found out about a tensor, per channel; scalable without seeing data again."""

from __future__ import annotations

from dataclasses import dataclass, replace
from statistics import NormalDist

import numpy as np
from numpy.typing import NDArray

from tinydeploy.quantize.histogram import BINS, HALF, ChannelHistogram
from tinydeploy.quantize.network import Array

# Bins of the histogram of all channels: 8 to a step of int8.
POOLED = 2048

# A channel seen too few times to have shown its extremes reaches this many deviations.
_REACH_DEVIATIONS = 4.0


@dataclass(frozen=True, eq=False)
class TensorStatistics:
    """Histogram and extremes of each channel.

    Args:
        counts: int64 [C, BINS]: of values in [i*width, (i+1)*width) for -HALF <= i < HALF.
        widths: [C].
        minimum: [C].
        maximum: [C].
    """

    counts: NDArray[np.int64]
    widths: Array
    minimum: Array
    maximum: Array

    @classmethod
    def from_histogram(cls, histogram: ChannelHistogram) -> TensorStatistics:
        """The statistics of a finished histogram."""
        return cls(histogram.counts, histogram.widths, histogram.minimum, histogram.maximum)

    def scaled(self, factors: Array) -> TensorStatistics:
        """The statistics of the tensor times a positive factor per channel."""
        return replace(
            self,
            widths=self.widths * factors,
            minimum=self.minimum * factors,
            maximum=self.maximum * factors,
        )

    @property
    def range(self) -> tuple[float, float]:
        """Least and greatest value seen."""
        return float(self.minimum.min()), float(self.maximum.max())

    @property
    def channel_count(self) -> int:
        """How many values were seen of each channel."""
        return int(self.counts[0].sum())

    @property
    def reach(self) -> Array:
        """Largest magnitude to expect of each channel [C]: seen, or by mean and deviation."""
        mean, variance = self._moments()
        seen = np.maximum(self.maximum, -self.minimum)
        return np.maximum(seen, np.abs(mean) + _REACH_DEVIATIONS * np.sqrt(variance))

    @property
    def variance(self) -> Array:
        """Variance of each channel [C], to the histogram's precision."""
        return self._moments()[1]

    def quantile_range(self, tail: float) -> tuple[float, float]:
        """Where a part `tail` of all values, at each end, is expected to lie outside.

        Quantiles within the range seen, or wider where channels were seen so few times that more
        must be expected.
        """
        edges = (np.arange(BINS) - HALF) * self.widths[:, None]
        low, high = self.range
        low = max(low, _find_tail(edges + self.widths[:, None], edges, self.counts, tail))
        high = min(high, -_find_tail(-edges, -edges - self.widths[:, None], self.counts, tail))
        factor = extrapolation(self.channel_count, tail)
        return factor * low, factor * high

    def full_range(self, tail: float) -> tuple[float, float]:
        """The range seen, or wider where there were fewer values than 1 / tail altogether."""
        low, high = self.range
        factor = extrapolation(int(self.counts.sum()), tail)
        return factor * low, factor * high

    def pool(self) -> tuple[Array, Array]:
        """One histogram of the values of all channels: counts [POOLED], edges [POOLED + 1].

        Bins that lie across edges are split as if values were spread evenly in them.
        """
        low, high = self.range
        grid = np.linspace(low, high, POOLED + 1)
        below = np.zeros(POOLED + 1)
        steps = np.arange(BINS + 1) - HALF
        for counts, width in zip(self.counts, self.widths, strict=True):
            reached = np.flatnonzero(counts)
            if len(reached):
                part = slice(reached[0], reached[-1] + 1)
                total = np.concatenate(([0], counts[part].cumsum()))
                edges = steps[reached[0] : reached[-1] + 2] * width
                below += np.interp(grid, edges, total)
        # The outermost bins reach beyond the extremes seen.
        below[-1], below[0] = self.counts.sum(), 0
        return np.asarray(np.diff(below), np.float64), grid

    def _moments(self) -> tuple[Array, Array]:
        """Mean and variance of each channel."""
        parts = self.counts / np.maximum(self.counts.sum(axis=1, keepdims=True), 1)
        centers = (np.arange(BINS) - HALF + 0.5) * self.widths[:, None]
        mean = (parts * centers).sum(axis=1)
        variance = (parts * (centers - mean[:, None]) ** 2).sum(axis=1)
        return np.asarray(mean, np.float64), np.asarray(variance, np.float64)


def extrapolation(count: int, tail: float) -> float:
    """By how much a quantile lies further out than the extreme of `count` values; at least 1.

    As for values of a normal distribution, whose extreme lies at about the quantile 1 / count.
    """
    if tail * count >= 1 or tail <= 0:
        return 1.0
    normal = NormalDist()
    return normal.inv_cdf(tail) / normal.inv_cdf(1 / max(count, 3))


def _find_tail(upper: Array, lower: Array, counts: NDArray[np.int64], tail: float) -> float:
    """The x below which a part `tail` of the values lies, linear within bins.

    Args:
        upper: Upper edges of bins.
        lower: Their lower edges.
        counts: Values in them.
        tail: 0 to 1.
    """
    full = counts > 0
    upper, lower, counts = upper[full], lower[full], counts[full]
    goal = tail * float(counts.sum())
    low, high = float(lower.min()), float(upper.max())
    widths = upper - lower
    for _ in range(50):  # bisection to 2^-50 of the range
        middle = (low + high) / 2
        below = float((counts * np.clip((middle - lower) / widths, 0, 1)).sum())
        if below > goal:
            high = middle
        else:
            low = middle
    return low
