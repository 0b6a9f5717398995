"""Every ONNX operator: the network of floats computes what onnxruntime computes."""

from __future__ import annotations

import numpy as np
import onnxruntime
import pytest
from evaluate_network import evaluate_outputs
from litert import run_litert
from onnx_cases import CASES, Case

from tinydeploy.graph.graph import Graph
from tinydeploy.graph.read import read_graph
from tinydeploy.model.float_model import FloatModel
from tinydeploy.quantize.activations import Parameters
from tinydeploy.quantize.fold import fold_network
from tinydeploy.quantize.network import Affine
from tinydeploy.quantize.quantize_model import quantize_model
from tinydeploy.quantize.read_onnx import read_onnx


def run_all(model: bytes, inputs: np.ndarray) -> list[np.ndarray]:
    """All outputs of onnxruntime for inputs [n, ...], one by one."""
    options = onnxruntime.SessionOptions()
    options.log_severity_level = 4
    session = onnxruntime.InferenceSession(model, options, providers=["CPUExecutionProvider"])
    runs = [session.run(None, {"x": x[None]}) for x in inputs]
    return [np.stack(values) for values in zip(*runs, strict=True)]


@pytest.mark.parametrize("name", CASES)
def test_floats_are_those_of_onnxruntime(name: str) -> None:
    case: Case = CASES[name]
    model = case.model()
    x = np.random.default_rng(3).normal(0, 1.5, (3, *case.shape[1:])).astype(np.float32)
    expected = run_all(model, x)
    network = fold_network(read_onnx(model, case.shape, name))
    assert not any(isinstance(layer, Affine) for layer in network.layers)
    found = evaluate_outputs(network, x)
    for view, wanted, got in zip(network.output_views, expected, found, strict=True):
        values = view.to_stored(wanted, got.shape)
        np.testing.assert_allclose(got, values, rtol=0, atol=3e-5 * np.abs(wanted).max())


def int8_parameters(graph: Graph, tensor: int) -> Parameters:
    quantization = graph.tensors[tensor].quantization
    return Parameters(quantization.scale, quantization.zero_point)


@pytest.mark.parametrize("name", CASES)
def test_int8_is_close_to_floats(name: str) -> None:
    """As LiteRT's reference runs it; and our reader takes every operator."""
    case: Case = CASES[name]
    x = np.random.default_rng(4).uniform(-2, 2, (48, *case.shape[1:])).astype(np.float32)
    onnx = case.model()
    model = FloatModel("net", onnx, case.shape, None, (), x)
    tflite = quantize_model(model).tflite
    graph = read_graph(tflite, "net")
    network = read_onnx(onnx, case.shape, name)
    (source,) = graph.inputs
    stored = network.store_inputs(x[:8])
    inputs = int8_parameters(graph, source)
    runs = [run_litert(tflite, [inputs.quantize(value[None])]) for value in stored]
    found = [np.concatenate(values) for values in zip(*runs, strict=True)]
    for output, view, wanted, got in zip(
        graph.outputs, network.output_views, run_all(onnx, x[:8]), found, strict=True
    ):
        q = int8_parameters(graph, output)
        exact = view.to_stored(wanted, got.shape)
        noise = ((q.dequantize(got) - exact) ** 2).mean()
        assert 10 * np.log10((exact**2).mean() / noise) > case.snr
