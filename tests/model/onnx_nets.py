"""Small float networks as .onnx files, exported by torch or made node by node."""

from __future__ import annotations

import warnings
from pathlib import Path

import numpy as np
import onnx
import torch
from onnx import TensorProto, helper, numpy_helper
from torch import nn


class ViewNet(nn.Module):
    """A convolution and a linear layer, with the view in between that people write."""

    def __init__(self, channels: int = 3, classes: int = 4) -> None:
        super().__init__()
        self.conv = nn.Conv2d(channels, 4, 3, stride=2, padding=1)
        self.linear = nn.Linear(4 * 4 * 4, classes)

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        x = torch.relu(self.conv(x))
        return self.linear(x.view(x.size(0), -1))


def make_torch_net(channels: int = 3, classes: int = 4) -> nn.Module:
    """A network for 8x8 pictures."""
    torch.manual_seed(1)
    return ViewNet(channels, classes).eval()


def export(
    net: nn.Module, path: Path, batch: int = 1, channels: int = 3, **options: object
) -> Path:
    """Exports with torch's older exporter, unless `dynamo` says otherwise."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        example = torch.zeros(batch, channels, 8, 8)
        torch.onnx.export(net, (example,), path, **{"dynamo": False, **options})
    return path


def make_model(
    input_shape: tuple[int | str | None, ...] = (1, 3, 8, 8),
    *,
    element: int = TensorProto.FLOAT,
    inputs: int = 1,
    external: str = "",
) -> onnx.ModelProto:
    """A 1x1 convolution of the first input; the others are added to nothing.

    Args:
        input_shape: Names and None are free dimensions.
        element: Type of the inputs.
        inputs: Number of inputs.
        external: File that the weights are said to be in.
    """
    weights = numpy_helper.from_array(np.ones((4, 3, 1, 1), np.float32), "w")
    if external:
        weights.ClearField("raw_data")
        weights.data_location = TensorProto.EXTERNAL
        weights.external_data.add(key="location", value=external)
    names = [f"x{i}" for i in range(inputs)]
    graph = helper.make_graph(
        [helper.make_node("Conv", [names[0] if names else "w", "w"], ["y"])],
        "net",
        [helper.make_tensor_value_info(name, element, input_shape) for name in names],
        [helper.make_tensor_value_info("y", TensorProto.FLOAT, ["n", 4, None, None])],
        [weights],
    )
    return helper.make_model(graph, ir_version=9, opset_imports=[helper.make_opsetid("", 17)])


def save(model: onnx.ModelProto, path: Path) -> Path:
    """Writes the bytes, whatever they are."""
    path.write_bytes(model.SerializeToString())
    return path
