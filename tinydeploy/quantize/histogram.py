"""Histograms per channel that grow with the data and do not depend on its order.

A channel's bins are [i*w, (i+1)*w) for -HALF <= i < HALF, with a width w that is a power of two.
When a value falls outside, w doubles and bins merge in pairs: floor(floor(v/w)/2) = floor(v/2w), so
the counts are those that the final width would have given from the start.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

HALF = 512
BINS = 2 * HALF

# The first width of bins, 2^-40: far below what matters of any activation.
_SMALLEST = -40


class ChannelHistogram:
    """Counts and exact extremes of each channel's values.

    Args:
        channels: Number of channels.

    Attributes:
        counts: int64 [C, BINS].
        exponents: int [C]; channel c's bins are 2^exponents[c] wide.
        minimum: float64 [C]; +inf before the first value.
        maximum: float64 [C]; -inf before the first value.
    """

    def __init__(self, channels: int) -> None:
        self.counts = np.zeros((channels, BINS), np.int64)
        self.exponents = np.full(channels, _SMALLEST)
        self.minimum = np.full(channels, np.inf)
        self.maximum = np.full(channels, -np.inf)

    @property
    def widths(self) -> NDArray[np.float64]:
        """Width of each channel's bins."""
        return np.asarray(np.ldexp(1.0, self.exponents), np.float64)

    def add(self, values: NDArray[np.float32]) -> None:
        """Counts values.

        Args:
            values: float32 [n, C, ...], finite.
        """
        values = values.reshape(len(values), values.shape[1], -1)
        low = values.min(axis=(0, 2)).astype(np.float64)
        high = values.max(axis=(0, 2)).astype(np.float64)
        self.minimum = np.minimum(self.minimum, low)
        self.maximum = np.maximum(self.maximum, high)
        self._widen()
        channels = len(self.counts)
        inverse = np.ldexp(np.float32(1), -self.exponents).astype(np.float32)
        offsets = np.arange(channels, dtype=np.float32) * BINS + HALF
        # Scaling by a power of two is exact. The float32 index is exact too: below 2^24 for up to
        # 2^24 / BINS = 16384 channels; more are counted in slices.
        for start in range(0, channels, 8192):
            part = slice(start, start + 8192)
            scaled = values[:, part] * inverse[part, None]
            np.floor(scaled, out=scaled)
            scaled += offsets[: scaled.shape[1], None]
            found = np.bincount(scaled.astype(np.int32).ravel(), minlength=scaled.shape[1] * BINS)
            self.counts[part] += found.reshape(-1, BINS)

    def _widen(self) -> None:
        """Doubles widths until every extreme has a bin."""
        # floor(max / w) <= HALF - 1 just if max < HALF * w; floor(min / w) >= -HALF just if
        # min >= -HALF * w. frexp gives max < 2^e, so w = 2^e / HALF holds it.
        reach = np.maximum(self.maximum, -self.minimum)
        exact = -self.minimum > self.maximum
        _, exponent = np.frexp(reach)
        tight = exact & (reach == np.ldexp(0.5, exponent))  # -2^k itself has the first bin
        needed = exponent - tight - (HALF.bit_length() - 1)
        needed = np.where(reach > 0, needed, _SMALLEST)
        steps = np.maximum(needed - self.exponents, 0)
        for step in np.unique(steps[steps > 0]):
            rows = steps == step
            self.counts[rows] = _merge_bins(self.counts[rows], int(step))
        self.exponents = self.exponents + steps


def _merge_bins(counts: NDArray[np.int64], step: int) -> NDArray[np.int64]:
    """Counts for bins 2^step times as wide."""
    factor = 1 << min(step, HALF.bit_length())
    merged = np.zeros_like(counts)
    if factor > HALF:  # all of one sign falls into the bin beside zero
        merged[:, HALF - 1] = counts[:, :HALF].sum(1)
        merged[:, HALF] = counts[:, HALF:].sum(1)
        return merged
    half = HALF // factor
    merged[:, HALF - half : HALF + half] = counts.reshape(len(counts), -1, factor).sum(2)
    return merged
