"""What each layer loses alone, on a network whose losses are known."""

from __future__ import annotations

import math

import numpy as np
import pytest

from tinydeploy.quantize.activations import Parameters
from tinydeploy.quantize.evaluate import evaluate_layer
from tinydeploy.quantize.network import Add, Conv, MaxPool, Network, Reshape
from tinydeploy.quantize.sensitivity import measure_losses

RNG = np.random.default_rng(0)
FREE = np.full(4, np.inf)


def convolution(name: str, source: str, weights: np.ndarray, bias: np.ndarray) -> Conv:
    return Conv((source,), name, weights, bias, -FREE, FREE)


def make_network() -> Network:
    """Two 1x1 convolutions, the second of weights that are whole multiples of its scale."""
    rough = RNG.normal(size=(4, 1, 1, 4))
    even = RNG.integers(-126, 127, (4, 1, 1, 4)) / 64.0
    even[:, 0, 0, 0] = 127 / 64
    layers = (
        convolution("a", "x", rough, RNG.normal(size=4)),
        convolution("b", "a", even, np.zeros(4)),
        Add(("a", "b"), "c"),
        MaxPool(("c",), "d", (2, 2), (2, 2), (0, 0, 0, 0)),
        Reshape(("d",), "e"),
    )
    shapes = dict.fromkeys("xabc", (1, 4, 4, 4)) | {"d": (1, 2, 2, 4), "e": (1, 16)}
    return Network("x", ("e",), layers, shapes)


NETWORK = make_network()
SAMPLES = (RNG.integers(-128, 128, (16, 4, 4, 4)) / 32).astype(np.float32)


def parameters(network: Network, samples: np.ndarray, part: float = 1.0) -> dict[str, Parameters]:
    values = {network.input: samples}
    found = {network.input: Parameters(1 / 32, 0)}
    for layer in network.layers:
        inputs = [values[name] for name in layer.inputs]
        values[layer.output] = evaluate_layer(layer, inputs, network.shapes[layer.output])
        y = values[layer.output] * part
        found[layer.output] = Parameters.from_range(float(y.min()), float(y.max()))
    return found | {"d": found["c"], "e": found["c"]}


def test_what_is_exact_loses_nothing():
    losses = {
        loss.output: loss for loss in measure_losses(NETWORK, parameters(NETWORK, SAMPLES), SAMPLES)
    }
    assert list(losses) == ["x", "a", "b", "c", "d", "e"]
    assert [loss.kind for loss in losses.values()][:4] == ["Input", "Conv", "Conv", "Add"]
    assert losses["x"].activations_db == math.inf  # the pixels are int8 as they are
    assert losses["b"].weights_db == math.inf  # as are its weights
    assert losses["b"].bias_db == math.inf
    assert 20 < losses["a"].weights_db < 60
    assert losses["a"].weights_db < losses["a"].bias_db
    for handed_on in ("d", "e"):
        assert losses[handed_on].activations_db == math.inf
    assert sum(loss.share for loss in losses.values()) == pytest.approx(1)
    assert not any(loss.saturated for loss in losses.values())


def test_noise_at_the_output_is_what_rounding_makes():
    """The last layer that rounds: uniform noise of its step, 1/12 of its square."""
    chosen = parameters(NETWORK, SAMPLES)
    short = NETWORK.with_layers(NETWORK.layers[:3])
    short = Network("x", ("c",), short.layers, NETWORK.shapes)
    loss = measure_losses(short, chosen, SAMPLES)[-1]
    values = SAMPLES
    a = values @ short.layers[0].weights[:, 0, 0].T + short.layers[0].bias
    c = a + a @ short.layers[1].weights[:, 0, 0].T
    expected = 10 * np.log10((c**2).mean() / (chosen["c"].scale ** 2 / 12))
    assert loss.activations_db == pytest.approx(expected, abs=0.5)


def test_clipping_is_told():
    chosen = parameters(NETWORK, SAMPLES)
    narrow = chosen | {"b": Parameters(chosen["b"].scale / 4, 0)}
    before, after = (
        {loss.output: loss for loss in measure_losses(NETWORK, each, SAMPLES)}
        for each in (chosen, narrow)
    )
    assert before["b"].saturated == 0
    assert after["b"].saturated > 0.1
    assert after["b"].activations_db < before["b"].activations_db - 10
    assert after["b"].share > 0.9
    assert after["b"].share == max(loss.share for loss in after.values())


def test_progress_ends_with_everything():
    told: list[float] = []
    measure_losses(NETWORK, parameters(NETWORK, SAMPLES), SAMPLES, told.append)
    assert told == sorted(told)
    assert told[-1] == 1
