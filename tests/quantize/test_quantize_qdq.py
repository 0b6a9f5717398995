"""ONNX files that are quantized already: lowered with their own scales, near to the bit."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from exported_nets import SHAPE
from litert import run_litert
from onnx_exports import export_quantized, random_inputs
from onnx_runs import first_input, int8_parameters, run_all
from onnxruntime.quantization import QuantType

from tinydeploy.graph.read import read_graph
from tinydeploy.model.float_model import FloatModel
from tinydeploy.quantize.quantize_model import quantize_model


def float_model(data: bytes) -> FloatModel:
    return FloatModel("qdq", data, SHAPE, None, (), np.zeros((0, *SHAPE[1:]), np.float32))


KINDS = {
    "int8 per channel": {"per_channel": True, "activation_type": QuantType.QInt8},
    "uint8": {"activation_type": QuantType.QUInt8},
    "symmetric": {
        "activation_type": QuantType.QInt8,
        "per_channel": True,
        "extra_options": {"ActivationSymmetric": True},
    },
    "uint8 weights": {"activation_type": QuantType.QUInt8, "weight_type": QuantType.QUInt8},
}


@pytest.mark.filterwarnings("ignore")
@pytest.mark.parametrize("kind", KINDS)
def test_own_scales_give_what_onnxruntime_gives(kind: str, tmp_path: Path) -> None:
    export_quantized(tmp_path / "int8.onnx", **KINDS[kind])
    data = (tmp_path / "int8.onnx").read_bytes()
    tflite = quantize_model(float_model(data)).tflite
    graph = read_graph(tflite, "qdq")
    (source,), (target,) = graph.inputs, graph.outputs
    x = random_inputs(32, 1)
    taken, given = int8_parameters(graph, source), int8_parameters(graph, target)
    stored = np.moveaxis(x, 1, -1)
    got = [given.dequantize(run_litert(tflite, [taken.quantize(v[None])])[0]) for v in stored]
    expected = run_all(data, x, first_input(data))[0]
    steps = np.abs(np.array(got) - expected) / given.scale
    assert (steps < 0.5).mean() > 0.5
    assert (steps < 1.5).mean() > 0.99
    assert steps.max() < 2.5
