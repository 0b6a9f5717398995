"""Weights and biases as integers: scales, dead channels, rounding that compensates."""

from __future__ import annotations

import numpy as np
import pytest

from tinydeploy.errors import InternalError
from tinydeploy.quantize.activations import Parameters
from tinydeploy.quantize.evaluate import convolve
from tinydeploy.quantize.network import Conv
from tinydeploy.quantize.round_weights import (
    InputMoments,
    fit_weights,
    measure_inputs,
    round_with_compensation,
)
from tinydeploy.quantize.weights import (
    choose_weight_scales,
    dequantize_weights,
    round_bias,
    round_to_nearest,
)

SOURCE, TARGET = Parameters(0.02, -5), Parameters(0.05, 3)


def conv(weights: np.ndarray, bias: list[float] | None = None, **attributes) -> Conv:
    outputs = len(weights)
    unbounded = np.full(outputs, np.inf)
    values = np.zeros(outputs) if bias is None else np.array(bias, float)
    return Conv(("x",), "y", weights, values, -unbounded, unbounded, **attributes)


def test_scales_reach_the_largest_weight() -> None:
    weights = np.random.default_rng(0).normal(size=(6, 3, 3, 4))
    layer = conv(weights)
    scales = choose_weight_scales(layer, SOURCE, TARGET)
    np.testing.assert_allclose(scales * 127, np.abs(weights).max((1, 2, 3)), rtol=1e-6)
    q = round_to_nearest(weights, scales)
    assert q.min() >= -127
    assert np.abs(q).max((1, 2, 3)).tolist() == [127] * 6
    error = np.abs(dequantize_weights(q, scales) - weights)
    assert (error <= scales[:, None, None, None] * 0.5001).all()


@pytest.mark.parametrize("bias", [0.0, 1e-6, 5.0, -300.0])
@pytest.mark.parametrize("weight", [0.0, 1e-30, 1e-9])
def test_a_dead_channel_keeps_its_bias(weight: float, bias: float) -> None:
    weights = np.full((2, 1, 1, 8), weight)
    weights[1] = 0.3
    layer = conv(weights, [bias, bias])
    scales = choose_weight_scales(layer, SOURCE, TARGET)
    integers = round_bias(layer.bias, scales, SOURCE)
    unit = scales * SOURCE.scale
    assert (np.abs(integers * unit - bias) <= 0.5001 * unit).all()
    assert unit[0] <= TARGET.scale / 1000
    # A sane multiplier: neither above 1 nor shifted out.
    factor = scales * SOURCE.scale / TARGET.scale
    assert (factor < 1).all()
    assert (factor >= 2.0**-21).all()
    assert abs(int(integers[0])) < 2**30


def test_a_bias_that_does_not_fit_is_a_bug() -> None:
    with pytest.raises(InternalError):
        round_bias(np.array([1e9]), np.array([1e-3]), SOURCE)


GEOMETRIES = {
    "pointwise": ((6, 1, 1, 12), {}),
    "3x3 with a stride": ((6, 3, 3, 4), {"stride": (2, 2), "padding": (1, 1, 1, 1)}),
    "depthwise": ((8, 3, 3, 1), {"groups": 8, "padding": (0, 1, 2, 1)}),
    "depthwise, two per channel": ((8, 3, 3, 1), {"groups": 4}),
    "grouped": ((6, 3, 2, 3), {"groups": 2, "dilation": (2, 1)}),
}


def correlated(rng: np.random.Generator, layer: Conv) -> np.ndarray:
    """Inputs that are not centred, as behind a ReLU, and alike within a picture."""
    channels = layer.weights.shape[3] * layer.groups
    x = np.abs(rng.normal(size=(40, 12, 14, channels)) + 2 * rng.normal(size=(40, 1, 1, 1)))
    return x.astype(np.float32)


def moments_of(layer: Conv, coarse: np.ndarray, exact: np.ndarray) -> InputMoments:
    moments = measure_inputs(layer, coarse, exact)
    assert moments is not None
    return moments


def spread(values: np.ndarray) -> float:
    """Mean square about each channel's mean: what a bias cannot take away."""
    return float(values.reshape(-1, values.shape[-1]).var(axis=0).mean())


@pytest.mark.parametrize("name", GEOMETRIES)
def test_compensated_rounding_is_nearer_in_what_comes_out(name: str) -> None:
    shape, attributes = GEOMETRIES[name]
    rng = np.random.default_rng(2)
    layer = conv(rng.normal(size=shape), **attributes)
    x = correlated(rng, layer)
    scales = np.abs(layer.weights).max((1, 2, 3)) / 7  # coarse, to see the difference
    exact = convolve(layer, x, layer.weights, layer.bias)

    def error(integers: np.ndarray) -> float:
        rounded = dequantize_weights(integers, scales)
        return spread(convolve(layer, x, rounded, layer.bias) - exact)

    compensated = round_with_compensation(layer.weights, scales, moments_of(layer, x, x).gram)
    assert compensated.shape == shape
    assert error(compensated) < 0.9 * error(round_to_nearest(layer.weights, scales))


@pytest.mark.parametrize("name", GEOMETRIES)
def test_fitted_weights_make_up_for_clipped_inputs(name: str) -> None:
    shape, attributes = GEOMETRIES[name]
    rng = np.random.default_rng(3)
    layer = conv(rng.normal(size=shape), **attributes)
    x = correlated(rng, layer)
    clipped = np.minimum(x, np.float32(2.0))
    fitted = fit_weights(layer.weights, moments_of(layer, clipped, x))
    assert fitted.shape == shape
    exact = convolve(layer, x, layer.weights, layer.bias)

    def error(weights: np.ndarray) -> float:
        return spread(convolve(layer, clipped, weights, layer.bias) - exact)

    assert error(fitted) < 0.95 * error(layer.weights)


def test_nothing_is_fitted_where_nothing_drifted() -> None:
    rng = np.random.default_rng(4)
    layer = conv(rng.normal(size=(3, 3, 3, 2)))
    x = correlated(rng, layer)
    np.testing.assert_array_equal(
        fit_weights(layer.weights, moments_of(layer, x, x)), layer.weights
    )


def test_the_moments_of_all_places() -> None:
    rng = np.random.default_rng(1)
    layer = conv(rng.normal(size=(2, 2, 2, 3)))
    x = rng.normal(size=(30, 4, 5, 3)).astype(np.float32)

    def vectors(values: np.ndarray) -> np.ndarray:
        taps = [values[:, i : i + 3, j : j + 4] for i in (0, 1) for j in (0, 1)]
        found = np.concatenate(taps, -1).reshape(-1, 12)
        return found - found.mean(0)

    moments = moments_of(layer, x, 2 * x + 1)
    np.testing.assert_allclose(moments.gram[0], vectors(x).T @ vectors(x), rtol=1e-3, atol=1e-2)
    np.testing.assert_allclose(moments.drift[0], moments.gram[0], rtol=1e-3, atol=1e-2)


def test_few_inputs_tell_nothing() -> None:
    layer = conv(np.ones((2, 1, 1, 50)))
    few, enough = np.ones((100, 50), np.float32), np.ones((200, 50), np.float32)
    assert measure_inputs(layer, few, few) is None
    assert measure_inputs(layer, enough, enough) is not None


def test_inputs_that_are_always_zero() -> None:
    layer = conv(np.random.default_rng(0).normal(size=(3, 1, 1, 4)))
    zeros = np.zeros((100, 4), np.float32)
    moments = moments_of(layer, zeros, zeros)
    np.testing.assert_array_equal(fit_weights(layer.weights, moments), layer.weights)
    scales = choose_weight_scales(layer, SOURCE, TARGET)
    np.testing.assert_array_equal(
        round_with_compensation(layer.weights, scales, moments.gram),
        round_to_nearest(layer.weights, scales),
    )
