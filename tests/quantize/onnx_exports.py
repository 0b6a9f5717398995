"""Real ONNX files of different exporters, from small networks; each with inputs of its own."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import numpy as np
import torch
from exported_nets import SHAPE, Everything, export
from onnx import TensorProto, helper, load, numpy_helper, save
from onnx_case import floats, ints, node, weights
from onnxruntime.quantization import CalibrationDataReader, QuantFormat, quantize_static
from torch import Tensor, nn

CHANNELS_LAST = (1, 16, 16, 3)


class Quantizable(nn.Module):
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

    def forward(self, x: Tensor) -> Tensor:
        x = self.stem(x)
        y = self.depthwise(x)
        x = x + y * self.squeeze(y)
        x = self.up(self.pool(torch.cat([x, y], 1)))
        return torch.softmax(self.head(x.mean((2, 3))), 1)


class Inputs(CalibrationDataReader):
    def __init__(self, name: str, values: np.ndarray) -> None:
        self._name, self._values = name, iter(values)

    def get_next(self) -> dict[str, np.ndarray] | None:
        value = next(self._values, None)
        return None if value is None else {self._name: value[None]}


def random_inputs(count: int, seed: int, shape: tuple[int, ...] = SHAPE) -> np.ndarray:
    return np.random.default_rng(seed).normal(0, 1, (count, *shape[1:])).astype(np.float32)


def export_torch(path: Path, *, dynamo: bool) -> None:
    """By torch's exporter of that name."""
    torch.manual_seed(1)
    path.write_bytes(export(Everything(), dynamo=dynamo))


def export_quantized(path: Path, **options: object) -> None:
    """By torch, then onnxruntime's quantize_static."""
    torch.manual_seed(2)
    source = path.with_suffix(".float.onnx")
    source.write_bytes(export(Quantizable(), dynamo=False))
    quantize_static(
        source,
        path,
        Inputs(_input_name(source), random_inputs(16, 0)),
        quant_format=QuantFormat.QDQ,
        **options,
    )


def export_keras(path: Path) -> None:
    """By keras, through tf2onnx, in a process of its own: tensorflow is loud and slow."""
    subprocess.run(
        [sys.executable, Path(__file__).with_name("export_keras.py"), path],
        check=True,
        capture_output=True,
        env={**os.environ, "TF_CPP_MIN_LOG_LEVEL": "3"},
    )


def write_by_hand(path: Path) -> None:
    """Of what exporters seldom write."""
    nodes = [
        node("Conv", "x w", "c", pads=[1, 1, 1, 1]),
        node("Tanh", "c", "t"),
        node("Abs", "t", "a"),
        node("Sub", "c a", "d"),
        node("LeakyRelu", "d", "l", alpha=0.125),
        node("Pad", "l p v", "q"),
        node("Slice", "q s e axes steps", "z"),
        node("Resize", "z - scale", "r", mode="nearest"),
        node("Resize", "z - wide", "g", mode="nearest", nearest_mode="ceil",
             coordinate_transformation_mode="asymmetric"),
        node("AveragePool", "r", "o", kernel_shape=[3, 3], strides=[2, 2], pads=[1, 1, 1, 1]),
        node("MaxPool", "r", "m", kernel_shape=[3, 3], strides=[2, 2], pads=[1, 1, 1, 1]),
        node("Max", "m o", "h"),
        node("Min", "h m", "n"),
        node("Clip", "n low high", "k"),
        node("Transpose", "k", "u", perm=[0, 3, 1, 2]),
        node("Conv", "u w2", "f"),
        node("Exp", "f", "x2"),
        node("Mul", "x2 pixels", "x3"),
        node("Gelu", "x3", "x4"),
        node("Flatten", "x4", "x5"),
        node("Gemm", "x5 w3", "x6"),
        node("Softmax", "x6", "y"),
        node("Sigmoid", "g", "g1"),
        node("Concat", "g1 g", "y2", axis=1),
    ]  # fmt: skip
    constants = {
        "w": weights(4, 3, 3, 3),
        "p": ints(0, 0, 1, 2, 0, 0, 0, 1),
        "v": np.float32(0.25),
        "s": ints(16, 0),
        "e": ints(-99, 19),
        "axes": ints(2, 3),
        "steps": ints(-2, 3),
        "scale": floats(1, 1, 1.34, 1.67),
        "wide": floats(1, 1, 1.25, 1.67),
        "low": np.float32(-0.5),
        "high": np.float32(1.5),
        "w2": weights(6, 6, 1, 1) / 4,
        "pixels": np.abs(weights(4, 6)),
        "w3": weights(144, 4),
    }
    graph = helper.make_graph(
        nodes,
        "by hand",
        [helper.make_tensor_value_info("x", TensorProto.FLOAT, ["n", *SHAPE[1:]])],
        [
            helper.make_tensor_value_info("y", TensorProto.FLOAT, ["n", 4]),
            helper.make_tensor_value_info("y2", TensorProto.FLOAT, ["n", 8, 11, 11]),
        ],
        [numpy_helper.from_array(np.asarray(v), k) for k, v in constants.items()],
    )
    save(helper.make_model(graph, opset_imports=[helper.make_opsetid("", 20)], ir_version=9), path)


def _input_name(path: Path) -> str:
    return str(load(path).graph.input[0].name)
