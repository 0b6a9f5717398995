"""Histograms: exact, whatever the order of the data; quantiles as numpy finds them."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tinydeploy.quantize.histogram import BINS, HALF, ChannelHistogram
from tinydeploy.quantize.statistics import TensorStatistics


def histogram(*batches: np.ndarray) -> ChannelHistogram:
    result = ChannelHistogram(batches[0].shape[1])
    for batch in batches:
        result.add(batch)
    return result


def sample(seed: int, scales: tuple[float, ...] = (1.0, 30.0, 1e-6, 0.0)) -> np.ndarray:
    values = np.random.default_rng(seed).standard_t(3, (20, len(scales), 7, 5))
    return (values * np.array(scales)[:, None, None]).astype(np.float32)


@settings(max_examples=30, deadline=None)
@given(st.permutations(range(20)), st.integers(1, 19), st.integers(0, 5))
def test_order_and_batches_do_not_matter(order: list[int], cut: int, seed: int) -> None:
    data = sample(seed)
    shuffled = data[order]
    once = histogram(data)
    pieces = histogram(shuffled[:cut], shuffled[cut:])
    np.testing.assert_array_equal(once.counts, pieces.counts)
    np.testing.assert_array_equal(once.exponents, pieces.exponents)


@pytest.mark.parametrize(
    "values",
    [
        [0.0],
        [1.0, -1.0],
        [0.5, -0.25, 0.125],
        [-8.0, 7.99],
        [8.0, -8.0],
        [1e-20, -1e-30],
        [3e38, -3e38],
        [1e-3] * 50 + [1e6],
    ],
)
def test_counts_are_where_the_values_are(values: list[float]) -> None:
    data = np.array(values, np.float32)[:, None]
    found = histogram(*np.split(data, len(data)))
    expected = np.floor(data[:, 0].astype(np.float64) / found.widths[0]).astype(int) + HALF
    np.testing.assert_array_equal(found.counts[0], np.bincount(expected, minlength=BINS))
    assert (found.minimum[0], found.maximum[0]) == (data.min(), data.max())
    # No coarser than the reach asks for.
    assert found.widths[0] <= max(2.0 * float(np.abs(data).max()) / HALF, 2.0**-39)


@pytest.mark.parametrize("tail", [0.0, 1e-4, 1e-2, 0.2])
def test_quantiles(tail: float) -> None:
    data = np.random.default_rng(3).standard_normal((50, 3, 20, 20)).astype(np.float32)
    data *= np.array([1, 2, 0.01], np.float32)[:, None, None]
    data[:, 2] += 0.5
    found = histogram(data)
    low, high = TensorStatistics.from_histogram(found).quantile_range(tail)
    exact = np.quantile(data, [tail, 1 - tail])
    tolerance = 2 * found.widths.max()
    assert abs(low - exact[0]) < tolerance
    assert abs(high - exact[1]) < tolerance


def test_scaling_is_as_if_the_data_were_scaled() -> None:
    data, factors = sample(1), np.array([4.0, 0.5, 1.0, 2.0])
    scaled = TensorStatistics.from_histogram(histogram(data)).scaled(factors)
    direct = TensorStatistics.from_histogram(
        histogram(data * factors.astype(np.float32)[:, None, None])
    )
    assert scaled.range == direct.range
    assert scaled.quantile_range(1e-3) == pytest.approx(direct.quantile_range(1e-3), rel=1e-6)
    np.testing.assert_allclose(scaled.variance[:2], direct.variance[:2], rtol=1e-3)
    np.testing.assert_allclose(
        scaled.variance[:3], (data[:, :3].var((0, 2, 3)) * factors[:3] ** 2), rtol=0.02
    )


def test_one_outlier_does_not_set_the_range() -> None:
    data = np.random.default_rng(0).uniform(-1, 1, (40, 2, 30, 30)).astype(np.float32)
    data[3, 1, 4, 5] = 50.0
    stats = TensorStatistics.from_histogram(histogram(data))
    assert stats.range[1] == 50.0
    assert stats.quantile_range(5e-5)[1] < 1.2
