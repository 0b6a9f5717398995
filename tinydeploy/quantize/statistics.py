"""What calibration found out about a tensor, per channel; scalable without seeing data again."""

from __future__ import annotations

from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray

from tinydeploy.quantize.histogram import BINS, HALF, ChannelHistogram
from tinydeploy.quantize.network import Array


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
        """Least and greatest value."""
        return float(self.minimum.min()), float(self.maximum.max())

    @property
    def reach(self) -> Array:
        """Largest magnitude of each channel [C]."""
        return np.maximum(self.maximum, -self.minimum)

    @property
    def variance(self) -> Array:
        """Variance of each channel [C], to the histogram's precision."""
        counts = self.counts / np.maximum(self.counts.sum(axis=1, keepdims=True), 1)
        centers = (np.arange(BINS) - HALF + 0.5) * self.widths[:, None]
        mean = (counts * centers).sum(axis=1, keepdims=True)
        return np.asarray((counts * (centers - mean) ** 2).sum(axis=1), np.float64)

    def quantile_range(self, tail: float) -> tuple[float, float]:
        """The values below and above which a part `tail` of all values lies, within the range."""
        edges = (np.arange(BINS) - HALF) * self.widths[:, None]
        low, high = self.range
        return (
            max(low, _find_tail(edges + self.widths[:, None], edges, self.counts, tail)),
            min(high, -_find_tail(-edges, -edges - self.widths[:, None], self.counts, tail)),
        )


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
