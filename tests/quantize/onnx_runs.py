"""ONNX models in onnxruntime, and their int8 forms in LiteRT's reference beside them."""

from __future__ import annotations

import numpy as np
import onnx
import onnxruntime
from litert import run_litert

from tinydeploy.graph.graph import Graph
from tinydeploy.graph.read import read_graph
from tinydeploy.model.float_model import FloatModel
from tinydeploy.quantize.activations import Parameters
from tinydeploy.quantize.quantize_model import quantize_model
from tinydeploy.quantize.read_onnx import read_onnx


def run_all(model: bytes, inputs: np.ndarray, name: str = "x") -> list[np.ndarray]:
    """All outputs of onnxruntime for inputs [n, ...], one by one."""
    options = onnxruntime.SessionOptions()
    options.log_severity_level = 4
    session = onnxruntime.InferenceSession(model, options, providers=["CPUExecutionProvider"])
    runs = [session.run(None, {name: x[None]}) for x in inputs]
    return [np.stack(values) for values in zip(*runs, strict=True)]


def first_input(model: bytes) -> str:
    return str(onnx.load_model_from_string(model).graph.input[0].name)


def int8_parameters(graph: Graph, tensor: int) -> Parameters:
    quantization = graph.tensors[tensor].quantization
    return Parameters(quantization.scale, quantization.zero_point)


def random_inputs(shape: tuple[int, ...], count: int = 16) -> np.ndarray:
    """float32 [count, ...]."""
    return np.random.default_rng(4).uniform(-2, 2, (count, *shape[1:])).astype(np.float32)


def quantize_randomly(model: bytes, shape: tuple[int, ...], count: int = 16) -> bytes:
    """The .tflite file of a model, calibrated with random inputs."""
    inputs = random_inputs(shape, count)
    return quantize_model(FloatModel("net", model, shape, None, (), inputs)).tflite


def measure_snr(model: bytes, shape: tuple[int, ...], count: int = 16) -> list[float]:
    """Quantizes a model with random inputs, and compares it with itself: dB of each output."""
    x = random_inputs(shape, count)
    tflite = quantize_randomly(model, shape, count)
    graph = read_graph(tflite, "net")
    network = read_onnx(model, shape)
    source = int8_parameters(graph, graph.inputs[0])
    stored = network.store_inputs(x[:8])
    runs = [run_litert(tflite, [source.quantize(value[None])]) for value in stored]
    found = [np.concatenate(values) for values in zip(*runs, strict=True)]
    wanted = run_all(model, x[:8], first_input(model))
    ratios = []
    for output, view, exact, got in zip(
        graph.outputs, network.output_views, wanted, found, strict=True
    ):
        real = int8_parameters(graph, output).dequantize(got)
        stored_exact = view.to_stored(exact, got.shape)
        noise = ((real - stored_exact) ** 2).mean()
        ratios.append(float(10 * np.log10((stored_exact**2).mean() / noise)))
    return ratios
