"""Equalization keeps what the network computes; quantization parameters fit what they must."""

from __future__ import annotations

import numpy as np
import pytest
from evaluate_network import evaluate_network
from torch_nets import NETS, float_model, pictures, settle

from tinydeploy.model.float_model import Preprocessing
from tinydeploy.quantize.activations import (
    Parameters,
    choose_parameters,
    list_candidates,
    tie_tensors,
)
from tinydeploy.quantize.calibrate import calibrate_network
from tinydeploy.quantize.channel_factors import choose_channel_factors
from tinydeploy.quantize.equalize import equalize_network
from tinydeploy.quantize.fold import fold_network
from tinydeploy.quantize.network import Add, AveragePool, Conv, MaxPool, Network, Reshape, Softmax
from tinydeploy.quantize.quantize_model import input_parameters
from tinydeploy.quantize.read_onnx import read_onnx
from tinydeploy.quantize.recipe import RANGE_METHODS
from tinydeploy.quantize.statistics import TensorStatistics

pytestmark = pytest.mark.filterwarnings("ignore:Constant folding:UserWarning")


def calibrated(name: str) -> tuple[Network, dict[str, TensorStatistics], np.ndarray]:
    make, shape = NETS[name]
    model = float_model(name, settle(make(), shape), shape, 12)
    network = fold_network(read_onnx(model.onnx, shape))
    sizes = {layer.output: 1 for layer in network.layers}
    found = calibrate_network(model.onnx, sizes, model.calibration, shape, 4)
    return network, dict(found.statistics), model.preprocessing.normalize(pictures(4, shape, 9))


@pytest.mark.parametrize("name", NETS)
def test_equalizing_changes_no_output(name: str) -> None:
    network, statistics, x = calibrated(name)
    equal, scaled = equalize_network(network, statistics)
    expected = evaluate_network(network, x)
    got = evaluate_network(equal, x)
    np.testing.assert_allclose(got, expected, rtol=0, atol=3e-5 * np.abs(expected).max())
    assert scaled[network.output].range == statistics[network.output].range or isinstance(
        network.layers[-1], Softmax
    )
    changed = [n for n in statistics if scaled[n].range != statistics[n].range]
    assert len(changed) >= 3


def statistics_of(reach: np.ndarray) -> TensorStatistics:
    """Channels with values evenly from minus reach to reach."""
    counts = np.full((len(reach), 1024), 10**9)
    return TensorStatistics(counts, reach / 512, -reach, reach)


def test_one_tensor_is_scaled_by_its_reach() -> None:
    reach = np.array([1.0, 10.0, 1000.0])
    network = Network("x", ("y",), (), {"t": (1, 2, 2, 3)})
    k = choose_channel_factors(network, {"t": statistics_of(reach)}, ("t",))
    # Each gets room for the median's reach on top of its own.
    np.testing.assert_allclose(k / k[2], 1010 / (reach + 10))
    assert np.prod(k) == pytest.approx(1)


def test_a_quiet_channel_in_front_of_a_loud_sum_keeps_its_resolution() -> None:
    """The weights that read the first tensor make its quiet channel as important as the others."""
    first, total = np.array([0.01, 1.0, 1.0, 1.0]), np.array([10.0, 1.0, 1.0, 1.0])
    bounds = np.full(4, np.inf)
    reader = Conv(
        ("a",), "b", (1 / first).reshape(4, 1, 1, 1), 0 * first, -bounds, bounds, groups=4
    )
    network = Network(
        "x", ("z",), (reader, Add(("a", "b"), "s")), dict.fromkeys("abs", (1, 2, 2, 4))
    )
    statistics = {
        "a": statistics_of(first),
        "b": statistics_of(np.ones(4)),
        "s": statistics_of(total),
    }
    together = choose_channel_factors(network, statistics, ("a", "s"))
    loudest = choose_channel_factors(network, statistics, ("s",))
    assert together is not None
    assert loudest is not None
    assert together[0] / together[1] > 3 * loudest[0] / loudest[1]


def test_tensors_that_are_always_zero() -> None:
    network = Network("x", ("y",), (), {"t": (1, 2, 2, 3)})
    assert choose_channel_factors(network, {"t": statistics_of(np.zeros(3))}, ("t",)) is None


@pytest.mark.parametrize("name", NETS)
def test_parameters_fit_tflite(name: str) -> None:
    network, statistics, _ = calibrated(name)
    candidates = list_candidates(network, statistics, Parameters(1 / 128, 0))
    parameters = choose_parameters(candidates, "percentile")
    assert set(parameters) == {network.input, *(layer.output for layer in network.layers)}
    assert parameters[network.input] == Parameters(1 / 128, 0)
    for layer in network.layers:
        if isinstance(layer, (MaxPool, Reshape)):
            assert parameters[layer.inputs[0]] == parameters[layer.output]
        if isinstance(layer, Softmax):
            assert parameters[layer.output] == Parameters(1 / 256, -128)
            scores = parameters[layer.inputs[0]]
            low, high = statistics[layer.inputs[0]].range
            assert scores.scale * (127 - scores.zero_point) >= high - scores.scale
            assert scores.scale * (-128 - scores.zero_point) <= low + scores.scale
    assert sum(map(len, tie_tensors(network))) == len(parameters)


def test_the_output_is_not_clipped() -> None:
    network, statistics, _ = calibrated("mobilenet")
    stats = statistics[network.output]
    loud = TensorStatistics(
        stats.counts, stats.widths, stats.minimum, np.append(stats.maximum[:-1], 1000.0)
    )
    candidates = list_candidates(network, statistics | {network.output: loud}, Parameters(1.0, 0))
    for method in RANGE_METHODS:
        assert choose_parameters(candidates, method)[network.output].scale > 3.9


@pytest.mark.parametrize(("pool", "reaches"), [(AveragePool, 10.0), (MaxPool, 1.0)])
def test_what_is_averaged_is_not_clipped(pool, reaches) -> None:
    """Values up to 10 whose means are up to 1: averages need the former, maxima only themselves."""
    free = np.full(2, np.inf)
    layers = (
        Conv(("x",), "a", np.ones((2, 1, 1, 2)), np.zeros(2), -free, free),
        pool(("a",), "b", (4, 4), (4, 4), (0, 0, 0, 0)),
        Softmax(("b",), "c"),
    )
    shapes = {"x": (1, 4, 4, 2), "a": (1, 4, 4, 2), "b": (1, 1, 1, 2), "c": (1, 1, 1, 2)}
    network = Network("x", ("c",), layers, shapes)
    statistics = {"a": statistics_of(np.full(2, 10.0)), "b": statistics_of(np.full(2, 1.0))}
    candidates = list_candidates(network, statistics, Parameters(1.0, 0))
    chosen = choose_parameters(candidates, "min-max")
    assert chosen["a"] == chosen["b"]
    assert chosen["a"].scale * 127 == pytest.approx(reaches, rel=0.02)


@pytest.mark.parametrize(
    ("low", "high", "zero_point"),
    [(0, 255, -128), (-255, 0, 127), (-1, 1, -1), (3, 9, -128), (-9, -3, 127), (0, 0, -128)],
)
def test_ranges_include_zero(low: float, high: float, zero_point: int) -> None:
    parameters = Parameters.from_range(low, high)
    assert parameters.zero_point == zero_point
    assert np.float32(parameters.scale) == parameters.scale
    values = np.linspace(min(low, 0), max(high, 0), 50).astype(np.float32)
    error = np.abs(parameters.dequantize(parameters.quantize(values)) - values)
    assert error.max() <= 1.001 * parameters.scale


def test_quantizing_saturates() -> None:
    parameters = Parameters(0.5, 10)
    values = np.array([-1e30, -np.inf, 0.0, 0.3, np.inf, 1e30])
    assert parameters.quantize(values).tolist() == [-128, -128, 10, 11, 127, 127]


@pytest.mark.parametrize(
    ("mean", "std", "expected"),
    [
        ((128.0,) * 3, (1.0,) * 3, Parameters(1.0, 0)),
        ((0.0,) * 3, (255.0,) * 3, Parameters(float(np.float32(1 / 255)), -128)),
        ((100.0,) * 3, (64.0,) * 3, Parameters(1 / 64, -28)),
    ],
)
def test_pixels_become_int8_by_subtracting_128(mean, std, expected) -> None:
    preprocessing = Preprocessing(mean, std)
    parameters = input_parameters(preprocessing)
    assert parameters == expected
    pixel = np.arange(256, dtype=np.uint8).reshape(1, 256, 1).repeat(3, 2)
    q = parameters.quantize(preprocessing.normalize(pixel))
    np.testing.assert_array_equal(q, np.moveaxis(pixel.astype(int) - 128, -1, 0))


def test_a_mean_per_channel_uses_the_whole_range() -> None:
    preprocessing = Preprocessing.from_unit((0.485, 0.456, 0.406), (0.229, 0.224, 0.225))
    parameters = input_parameters(preprocessing)
    low, high = preprocessing.value_range
    assert parameters.scale == pytest.approx((high - low) / 255)
