"""ONNX files that are quantized already: lowered with their own scales, near to the bit."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
import torch
from litert import run_litert
from onnx_runs import int8_parameters, run_all
from onnxruntime.quantization import CalibrationDataReader, QuantFormat, QuantType, quantize_static
from torch import nn

from tinydeploy.graph.read import read_graph
from tinydeploy.model.export import export_onnx
from tinydeploy.model.float_model import FloatModel
from tinydeploy.quantize.quantize_model import quantize_model

SHAPE = (1, 3, 12, 10)


class Net(nn.Module):
    """Convolutions of all kinds, squeeze-and-excite, a sum, a concatenation, pools, a softmax."""

    def __init__(self) -> None:
        super().__init__()
        self.stem = nn.Sequential(nn.Conv2d(3, 8, 3, 2, 1), nn.BatchNorm2d(8), nn.ReLU())
        self.depthwise = nn.Sequential(nn.Conv2d(8, 8, 3, 1, 1, groups=8), nn.ReLU6())
        self.squeeze = nn.Sequential(
            nn.AdaptiveAvgPool2d(1), nn.Conv2d(8, 4, 1), nn.ReLU(), nn.Conv2d(4, 8, 1), nn.Sigmoid()
        )
        self.pool = nn.MaxPool2d(2)
        self.up = nn.ConvTranspose2d(16, 6, 2, 2)
        self.head = nn.Linear(6, 5)

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        x = self.stem(x)
        y = self.depthwise(x)
        x = x + y * self.squeeze(y)
        x = self.up(self.pool(torch.cat([x, y], 1)))
        return torch.softmax(self.head(x.mean((2, 3))), 1)


class Inputs(CalibrationDataReader):
    def __init__(self, values: np.ndarray) -> None:
        self._values = iter(values)

    def get_next(self) -> dict[str, np.ndarray] | None:
        value = next(self._values, None)
        return None if value is None else {"input": value[None]}


def random_inputs(count: int, seed: int) -> np.ndarray:
    return np.random.default_rng(seed).normal(0, 1, (count, *SHAPE[1:])).astype(np.float32)


def quantize(folder: Path, **options: object) -> bytes:
    torch.manual_seed(2)
    (folder / "float.onnx").write_bytes(export_onnx(Net(), SHAPE))
    quantize_static(
        folder / "float.onnx",
        folder / "int8.onnx",
        Inputs(random_inputs(16, 0)),
        quant_format=QuantFormat.QDQ,
        **options,
    )
    return (folder / "int8.onnx").read_bytes()


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
    data = quantize(tmp_path, **KINDS[kind])
    tflite = quantize_model(float_model(data)).tflite
    graph = read_graph(tflite, "qdq")
    (source,), (target,) = graph.inputs, graph.outputs
    x = random_inputs(32, 1)
    taken, given = int8_parameters(graph, source), int8_parameters(graph, target)
    stored = np.moveaxis(x, 1, -1)
    got = [given.dequantize(run_litert(tflite, [taken.quantize(v[None])])[0]) for v in stored]
    expected = run_all(data, x, "input")[0]
    steps = np.abs(np.array(got) - expected) / given.scale
    assert (steps < 0.5).mean() > 0.5
    assert (steps < 1.5).mean() > 0.99
    assert steps.max() < 2.5
