"""Ranges by several methods, and the choice among them by what they do to the layers behind."""

from __future__ import annotations

import numpy as np
import pytest

from tinydeploy.quantize import prepare
from tinydeploy.quantize.activations import Candidates, Parameters
from tinydeploy.quantize.histogram import ChannelHistogram
from tinydeploy.quantize.measure_ranges import choose_measured
from tinydeploy.quantize.network import Conv, Network
from tinydeploy.quantize.prepare import Prepared, prepare_network
from tinydeploy.quantize.ranges import find_range
from tinydeploy.quantize.recipe import RANGE_METHODS, RangeMethod, Recipe
from tinydeploy.quantize.statistics import TensorStatistics


def statistics_of(values: np.ndarray) -> TensorStatistics:
    """Of float [n, C, ...]."""
    histogram = ChannelHistogram(values.shape[1])
    histogram.add(values.astype(np.float32))
    return TensorStatistics.from_histogram(histogram)


def normal(count: int = 300_000, seed: int = 0) -> np.ndarray:
    return np.random.default_rng(seed).normal(size=(count // 6, 2, 3))


def mean_square(values: np.ndarray, found: tuple[float, float]) -> float:
    parameters = Parameters.from_range(*found)
    return float(np.square(parameters.dequantize(parameters.quantize(values)) - values).mean())


def test_min_max_is_what_was_seen() -> None:
    values = normal()
    found = find_range(statistics_of(values), "min-max")
    np.testing.assert_allclose(found, (values.min(), values.max()), rtol=1e-6)


def test_an_outlier_sets_the_range_of_min_max_alone() -> None:
    values = normal()
    values[7, 1, 2] = 100.0
    stats = statistics_of(values)
    assert find_range(stats, "min-max")[1] == 100.0
    for method in ("percentile", "entropy"):
        assert 2.5 < find_range(stats, method)[1] < 16
    assert find_range(stats, "mse")[1] < 80  # the error of one value counts as its square


def test_mse_is_the_least_error_of_all() -> None:
    rng = np.random.default_rng(1)
    values = rng.standard_t(3, (60_000, 2, 3)) * np.array([1.0, 0.2])[:, None]
    stats = statistics_of(values)
    errors = {method: mean_square(values, find_range(stats, method)) for method in RANGE_METHODS}
    assert errors["mse"] == min(errors.values())
    assert errors["mse"] < 0.7 * errors["min-max"]
    low, high = find_range(stats, "mse")
    for factor in (0.7, 1.4):
        assert errors["mse"] < mean_square(values, (factor * low, factor * high))


@pytest.mark.parametrize("method", RANGE_METHODS)
@pytest.mark.parametrize(
    ("values", "low", "high"),
    [
        (np.zeros((30_000, 1, 2)), 0, 0),
        (np.full((30_000, 1, 2), 3.0), 0, 3),
        (np.full((30_000, 1, 2), -2.0), -2, 0),
        (np.abs(normal()), 0, None),
        (-np.abs(normal()), None, 0),
    ],
    ids=["zero", "constant", "negative constant", "no negatives", "no positives"],
)
def test_a_range_holds_zero(
    method: RangeMethod, values: np.ndarray, low: float | None, high: float | None
) -> None:
    found = find_range(statistics_of(values), method)
    assert low is None or found[0] == pytest.approx(low, rel=1e-6)
    assert high is None or found[1] == pytest.approx(high, rel=1e-6)
    assert found[0] <= 0 <= found[1]


@pytest.mark.parametrize("method", RANGE_METHODS)
def test_few_values_are_never_clipped(method: RangeMethod) -> None:
    values = normal(48 * 6)
    low, high = find_range(statistics_of(values), method)
    assert low < 1.1 * values.min()
    assert high > 1.1 * values.max()


def test_the_pooled_histogram_keeps_counts_and_places() -> None:
    rng = np.random.default_rng(2)
    values = rng.normal(size=(5000, 3, 4)) * np.array([1.0, 0.01, 5.0])[:, None]
    counts, edges = statistics_of(values).pool()
    assert counts.sum() == pytest.approx(values.size)
    assert (counts >= 0).all()
    expected, _ = np.histogram(values, edges)
    np.testing.assert_allclose(counts.cumsum(), expected.cumsum(), atol=0.02 * values.size)


def chain(weights: np.ndarray | None = None) -> Network:
    """x -> a -> b -> y, 1x1 convolutions of 4 channels."""
    rng = np.random.default_rng(3)
    unbounded = np.full(4, np.inf)
    layers = [
        Conv(
            (source,),
            target,
            rng.normal(size=(4, 1, 1, 4)) if weights is None else weights,
            rng.normal(size=4),
            -unbounded,
            unbounded,
        )
        for source, target in ("xa", "ab", "by")
    ]
    return Network("x", ("y",), tuple(layers), dict.fromkeys("xaby", (1, 6, 6, 4)))


def samples_and_statistics(network: Network) -> tuple[np.ndarray, dict[str, TensorStatistics]]:
    from tinydeploy.quantize.evaluate import evaluate_layer

    x = np.random.default_rng(4).normal(size=(12, 6, 6, 4)).astype(np.float32)
    values = {"x": x}
    for layer in network.layers:
        inputs = [values[name] for name in layer.inputs]
        values[layer.output] = evaluate_layer(layer, inputs, network.shapes[layer.output])
    return x, {name: statistics_of(np.moveaxis(value, -1, 1)) for name, value in values.items()}


def test_a_range_that_is_clearly_better_for_the_next_layer_is_taken() -> None:
    network = chain()
    x, _ = samples_and_statistics(network)
    good, narrow, wide = (Parameters.from_range(-b, b) for b in (12.0, 0.5, 10_000.0))

    def candidates(usual: Parameters, other: Parameters) -> Candidates:
        return {**dict.fromkeys(RANGE_METHODS, usual), "mse": other}

    groups = {
        ("x",): candidates(Parameters.from_range(-5, 5), narrow),
        ("a",): candidates(narrow, good),
        ("b",): candidates(wide, Parameters.from_range(-40, 40)),
        ("y",): candidates(good, good),
    }
    chosen = choose_measured(network, groups, x, "percentile")
    assert chosen["x"] == groups[("x",)]["percentile"]
    assert chosen["a"] == groups[("a",)]["mse"]
    assert chosen["b"] == groups[("b",)]["mse"]
    assert chosen["y"] == good


def test_what_is_a_little_better_is_not() -> None:
    network = chain()
    x, _ = samples_and_statistics(network)
    groups = {
        (name,): dict.fromkeys(RANGE_METHODS, Parameters.from_range(-20, 20)) for name in "xby"
    }
    groups[("a",)] = {
        **dict.fromkeys(RANGE_METHODS, Parameters.from_range(-12, 12)),
        "mse": Parameters.from_range(-11, 11),
    }
    assert choose_measured(network, groups, x, "percentile")["a"] == groups[("a",)]["percentile"]


def prepare_chain(recipe: Recipe) -> Prepared:
    network = chain()
    x, statistics = samples_and_statistics(network)
    return prepare_network(network, statistics, Parameters.from_range(-5, 5), x, recipe)


def test_the_best_trial_is_chosen() -> None:
    prepared = prepare_chain(Recipe())
    *others, chosen = prepared.trials
    assert {trial.ranges for trial in prepared.trials} >= set(RANGE_METHODS)
    assert {trial.equalize for trial in prepared.trials} == {False, True}
    assert chosen.snr_db >= max(trial.snr_db for trial in others)
    assert chosen.snr_db > 30


def test_equalization_that_hurts_is_left_out(monkeypatch: pytest.MonkeyPatch) -> None:
    usual = prepare.equalize_network

    def spoil(network: Network, statistics: dict[str, TensorStatistics]) -> object:
        equal, scaled = usual(network, statistics)
        factors = np.array([1.0, 1.0, 1.0, 1e4])
        first, second, *rest = equal.layers
        assert isinstance(first, Conv)
        assert isinstance(second, Conv)
        from dataclasses import replace

        first = replace(
            first, weights=first.weights * factors[:, None, None, None], bias=first.bias * factors
        )
        second = replace(second, weights=second.weights / factors)
        scaled = {**scaled, "a": scaled["a"].scaled(factors)}
        return equal.with_layers([first, second, *rest]), scaled

    monkeypatch.setattr(prepare, "equalize_network", spoil)
    guarded = prepare_chain(Recipe()).trials[-1]
    assert not guarded.equalize
    assert guarded.snr_db > 30
    unguarded = prepare_chain(Recipe(ranges="percentile", guard=False))
    assert unguarded.trials[-1].equalize
    assert np.isnan(unguarded.trials[-1].snr_db)
