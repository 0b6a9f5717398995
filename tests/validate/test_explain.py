"""Differences to other runtimes: found, located, and of the cause that is told."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest
from builders import ModelBuilder, add_model
from typer.testing import CliRunner

from tinydeploy.cli.main import app
from tinydeploy.errors import UsageError
from tinydeploy.graph.ops.fully_connected import FullyConnected
from tinydeploy.graph.read import read_graph
from tinydeploy.validate.explain import RUNTIMES, explain_runtime
from tinydeploy.validate.reference import run_reference
from tinydeploy.validate.tflm_rounding import run_fully_connected
from tinydeploy.validate.vectors import make_vectors


def small_net() -> bytes:
    """A convolution, a pool, and two fully-connected layers with an operator between."""
    b = ModelBuilder(4)
    y = b.pool("MAX_POOL_2D", b.conv(b.input((12, 12, 3)), 24, (3, 3), activation="RELU"))
    y = b.fully_connected(y, 300, depth=24, keep_num_dims=True)
    y = b.lookup("HARD_SWISH", y)
    y = b.fully_connected(b.mean(y, keep_dims=False), 40)
    return b.finish([y, b.softmax(y)])


@pytest.fixture(scope="module")
def net() -> bytes:
    return small_net()


def test_the_reference_differs_nowhere(net: bytes) -> None:
    graph = read_graph(net)
    found = explain_runtime(graph, net, make_vectors(graph, 4), "litert-reference")
    assert (found.differing, found.largest, found.layers) == (0, 0, ())
    assert found.elements == 4 * 80
    assert found.vectors == 4


def test_default_kernels_differ_in_convolutions_first(net: bytes) -> None:
    graph = read_graph(net)
    inputs = make_vectors(graph, 20)
    found = explain_runtime(graph, net, inputs, "litert-default")
    first = found.layers[0]
    assert (first.layer, first.kind) == (0, "CONV_2D")
    assert 0 < first.differing < first.elements / 100
    assert first.largest == 1
    assert "XNNPACK" in first.why
    whole = run_reference(net, inputs, resolver="AUTO").outputs
    exact = run_reference(net, inputs).outputs
    differing = sum(np.count_nonzero(a != b) for a, b in zip(whole, exact, strict=True))
    assert found.differing == differing


def test_tflm_differs_in_fully_connected_layers_alone(net: bytes) -> None:
    graph = read_graph(net)
    found = explain_runtime(graph, net, make_vectors(graph, 60), "tflm-double-rounding")
    assert found.layers
    assert {layer.kind for layer in found.layers} == {"FULLY_CONNECTED"}
    assert {layer.largest for layer in found.layers} == {1}


def test_rounding_twice_is_what_convolutions_do() -> None:
    """A 1x1 convolution is the same sums, and the reference rounds it twice, as TFLM does."""
    inputs = np.random.default_rng(0).integers(-128, 128, (4000, 1, 1, 1, 12)).astype(np.int8)
    b = ModelBuilder(2)
    convolution = b.finish([b.conv(b.input((1, 1, 12)), 30, (1, 1), per_channel=False)])
    b = ModelBuilder(2)
    dense = b.finish([b.fully_connected(b.input((1, 1, 12)), 30)])
    graph = read_graph(dense)
    (op,) = graph.ops
    assert isinstance(op, FullyConnected)
    twice = run_fully_connected(op, inputs, (1, 30))
    exact = run_reference(convolution, [inputs]).outputs[0].reshape(-1, 1, 30)
    np.testing.assert_array_equal(twice, exact)
    once = run_reference(dense, [inputs]).outputs[0].reshape(-1, 1, 30)
    assert (once != twice).any()


@pytest.mark.parametrize("runtime", RUNTIMES)
def test_the_command(tmp_path: Path, runtime: str) -> None:
    path = tmp_path / "net.tflite"
    path.write_bytes(add_model((6, 5, 3)))
    arguments = ["validate", str(path), "--against", runtime, "--vectors", "3", "--json"]
    result = CliRunner().invoke(app, arguments)
    assert result.exit_code == 0, result.output
    found = json.loads(result.stdout)
    assert (found["vectors"], found["elements"]) == (3, 3 * 90)


def test_data_of_ones_own(tmp_path: Path) -> None:
    b = ModelBuilder()
    path, data = tmp_path / "net.tflite", tmp_path / "data.npy"
    path.write_bytes(b.finish([b.fully_connected(b.input((7,)), 2)]))
    np.save(data, np.zeros((5, 7), np.int8))
    result = CliRunner().invoke(app, ["validate", str(path), "--data", str(data)])
    assert "10 outputs for 5 inputs" in result.stdout
    np.save(data, np.zeros((5, 8), np.int8))
    result = CliRunner().invoke(app, ["validate", str(path), "--data", str(data)])
    assert result.exit_code == 1
    assert "[5, 8], the model takes int8 [n, 7]" in " ".join(result.stderr.split())


def test_other_files_are_refused(tmp_path: Path) -> None:
    result = CliRunner().invoke(app, ["validate", str(tmp_path / "net.onnx")])
    assert result.exit_code == UsageError.exit_code
    result = CliRunner().invoke(app, ["validate", str(tmp_path)])
    assert result.exit_code == 1
    assert "model.tflite" in result.stderr
