"""One convolution: remedies that help are kept, those that hurt are not."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from tinydeploy.quantize import quantize_conv as module
from tinydeploy.quantize.activations import Parameters
from tinydeploy.quantize.layer_quality import measure_layer
from tinydeploy.quantize.network import Conv
from tinydeploy.quantize.quantize_conv import ConvResult, ConvSamples, quantize_conv
from tinydeploy.quantize.recipe import Recipe
from tinydeploy.quantize.round_weights import (
    InputMoments,
    measure_inputs,
    reconstruct_weights,
    round_with_compensation,
)
from tinydeploy.quantize.weights import dequantize_weights

OUTPUT = (8, 8, 6)
PLAIN = Recipe(correct_bias=False, fit_weights=False, rounding="nearest", guard=False)


def make_samples(count: int = 16, *, clip: float = np.inf, seed: int = 0) -> ConvSamples:
    """A 3x3 convolution of 4 channels behind a ReLU that the quantized network clips."""
    rng = np.random.default_rng(seed)
    unbounded = np.full(6, np.inf)
    weights, bias = rng.normal(size=(6, 3, 3, 4)), rng.normal(size=6)
    conv = Conv(("x",), "y", weights, bias, -unbounded, unbounded, padding=(1, 1, 1, 1))
    x = np.maximum(rng.normal(size=(count, 8, 8, 4)) + rng.normal(size=(count, 1, 1, 4)), 0)
    source = Parameters.from_range(0, min(clip, 6))
    exact = x.astype(np.float32)
    return ConvSamples(conv, source, Parameters.from_range(-30, 30), exact, source.quantize(exact))


def error(result: ConvResult, samples: ConvSamples) -> float:
    return float(np.square(samples.target.dequantize(result.coarse) - result.exact).mean())


def test_each_remedy_helps_where_inputs_are_clipped() -> None:
    samples = make_samples(clip=1.5)
    recipes = [
        PLAIN,
        replace(PLAIN, correct_bias=True),
        replace(PLAIN, correct_bias=True, rounding="compensated"),
        Recipe(guard=False),
    ]
    errors = [error(quantize_conv(samples, OUTPUT, recipe), samples) for recipe in recipes]
    assert errors[1] < 0.95 * errors[0]
    assert errors[3] < 0.95 * errors[1]
    assert errors[3] < errors[2]
    guarded = quantize_conv(samples, OUTPUT, Recipe())
    assert error(guarded, samples) < 0.95 * errors[1]
    assert guarded.corrected_db > 0


def test_a_remedy_that_hurts_is_dropped(monkeypatch: pytest.MonkeyPatch) -> None:
    samples = make_samples(clip=1.5)

    def spoil(weights: np.ndarray, moments: InputMoments) -> np.ndarray:
        return weights + 0.3 * np.random.default_rng(1).normal(size=weights.shape)

    monkeypatch.setattr(module, "fit_weights", spoil)
    good = error(quantize_conv(samples, OUTPUT, Recipe(fit_weights=False)), samples)
    assert error(quantize_conv(samples, OUTPUT, Recipe()), samples) == pytest.approx(good)
    assert error(quantize_conv(samples, OUTPUT, Recipe(guard=False)), samples) > 1.2 * good


@pytest.mark.parametrize("count", [1, 2, 3, 4, 8])
def test_few_samples(count: int) -> None:
    few = make_samples(count, clip=1.5)
    found = quantize_conv(few, OUTPUT, Recipe()).quantized
    other = make_samples(64, clip=1.5, seed=0)
    y = other.convolve_exact()
    real = dequantize_weights(found.weights, found.scales)
    moved = found.bias * found.scales * other.source.scale - other.conv.bias
    error = np.square(other.convolve_coarse(real) + moved - y).mean()
    plain = quantize_conv(other, OUTPUT, PLAIN).quantized
    unmoved = other.convolve_coarse(dequantize_weights(plain.weights, plain.scales))
    assert error < 1.01 * np.square(unmoved - y).mean()


def test_a_mean_error_counts_as_far_as_it_is_certain() -> None:
    counts = np.full((50, 3), 10.0)
    rng = np.random.default_rng(0)
    errors = rng.normal(size=(50, 3)) * [1, 1, 0] + [0, 5, 2]
    found = module._shrink_mean(errors * counts, counts)
    assert abs(found[0]) < 0.2
    assert found[1] == pytest.approx(errors[:, 1].mean(), rel=0.01)
    assert found[2] == pytest.approx(2)
    assert not module._shrink_mean(errors[:1] * 10, counts[:1]).any()
    assert not module._shrink_mean(np.zeros((4, 3)), np.zeros((4, 3))).any()


def test_all_zero_channels_and_inputs() -> None:
    samples = make_samples()
    weights = samples.conv.weights.copy()
    weights[2] = 0
    samples = replace(samples, conv=replace(samples.conv, weights=weights))
    for coarse in (samples.coarse, np.full_like(samples.coarse, samples.source.zero_point)):
        found = quantize_conv(replace(samples, coarse=coarse), OUTPUT, Recipe())
        assert not found.quantized.weights[2].any()
        unit = found.quantized.scales[2] * samples.source.scale
        assert found.quantized.bias[2] * unit == pytest.approx(samples.conv.bias[2], abs=1e-3)


def reconstruction_error(weights: np.ndarray, wanted: np.ndarray, gram: np.ndarray) -> float:
    groups, size = gram.shape[:2]
    difference = (weights - wanted).reshape(groups, -1, size)
    return float((difference @ gram * difference).sum())


@pytest.mark.parametrize(
    ("shape", "attributes"),
    [((6, 3, 3, 4), {}), ((8, 3, 3, 1), {"groups": 8}), ((5, 1, 1, 20), {})],
    ids=["3x3", "depthwise", "pointwise"],
)
def test_reconstruction_is_nearer_than_compensation(shape, attributes) -> None:
    rng = np.random.default_rng(5)
    weights = rng.normal(size=shape)
    unbounded = np.full(shape[0], np.inf)
    conv = Conv(("x",), "y", weights, np.zeros(shape[0]), -unbounded, unbounded, **attributes)
    channels = shape[3] * conv.groups
    x = np.abs(rng.normal(size=(30, 9, 9, channels)) + 2 * rng.normal(size=(30, 1, 1, 1)))
    moments = measure_inputs(conv, x.astype(np.float32), x.astype(np.float32))
    assert moments is not None
    scales = np.abs(weights).max((1, 2, 3)) / 7  # coarse, to see the difference
    rounded = dequantize_weights(round_with_compensation(weights, scales, moments.gram), scales)
    before = reconstruction_error(rounded, weights, moments.gram)
    integers, found = reconstruct_weights(weights, scales, moments.gram)
    assert np.abs(integers.astype(int)).max() <= 127
    assert integers.shape == shape
    after = reconstruction_error(dequantize_weights(integers, found), weights, moments.gram)
    assert after < 0.97 * before
    again, _ = reconstruct_weights(weights, scales, moments.gram)
    np.testing.assert_array_equal(integers, again)


def test_the_quality_of_a_layer() -> None:
    samples = make_samples()
    exact = samples.exact
    narrow = Parameters.from_range(0, 1)
    coarse = narrow.quantize(exact)
    found = measure_layer(samples.conv, exact, coarse, narrow, 1.5)
    noise = np.square(narrow.dequantize(coarse) - exact).sum()
    assert found.snr_db == pytest.approx(10 * np.log10(np.square(exact).sum() / noise), abs=1e-3)
    assert found.rounding_db == pytest.approx(found.snr_db)
    assert found.saturated == pytest.approx((exact > 1 + 0.5 / 255).mean())
    assert (found.output, found.kind, found.corrected_db) == ("y", "Conv", 1.5)
    zeros = np.zeros_like(exact)
    silent = measure_layer(samples.conv, zeros, narrow.quantize(zeros), narrow, 0.0)
    assert silent.snr_db == np.inf
