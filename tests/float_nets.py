"""A float network and pictures for it, as files."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import onnx
from onnx import TensorProto, helper, numpy_helper
from PIL import Image


def write_net(path: Path, *, channels: int = 3, flat: bool = True, last: str = "Identity") -> Path:
    """A convolution of 8x8 pictures, the mean of each channel if `flat`, a last operator."""
    rng = np.random.default_rng(0)
    nodes = [
        helper.make_node("Conv", ["x", "w", "b"], ["c"], pads=[1, 1, 1, 1]),
        helper.make_node("Relu", ["c"], ["r"]),
        *([helper.make_node("GlobalAveragePool", ["r"], ["p"])] if flat else []),
        *([helper.make_node("Flatten", ["p"], ["f"])] if flat else []),
        helper.make_node(last, ["f" if flat else "r"], ["y"]),
    ]
    graph = helper.make_graph(
        nodes,
        "net",
        [helper.make_tensor_value_info("x", TensorProto.FLOAT, [1, channels, 8, 8])],
        [helper.make_tensor_value_info("y", TensorProto.FLOAT, [1, 4] if flat else [1, 4, 8, 8])],
        [
            numpy_helper.from_array(rng.normal(size=(4, channels, 3, 3)).astype(np.float32), "w"),
            numpy_helper.from_array(rng.normal(size=4).astype(np.float32), "b"),
        ],
    )
    opset = [helper.make_opsetid("", 17)]
    onnx.save(helper.make_model(graph, ir_version=9, opset_imports=opset), path)
    return path


def write_dense_net(path: Path, features: int = 20) -> Path:
    """Two linear layers on vectors."""
    rng = np.random.default_rng(0)
    graph = helper.make_graph(
        [
            helper.make_node("Gemm", ["x", "w", "b"], ["h"]),
            helper.make_node("Relu", ["h"], ["r"]),
            helper.make_node("Gemm", ["r", "v"], ["y"]),
        ],
        "net",
        [helper.make_tensor_value_info("x", TensorProto.FLOAT, ["n", features])],
        [helper.make_tensor_value_info("y", TensorProto.FLOAT, ["n", 4])],
        [
            numpy_helper.from_array(rng.normal(size=(features, 8)).astype(np.float32), "w"),
            numpy_helper.from_array(rng.normal(size=8).astype(np.float32), "b"),
            numpy_helper.from_array(rng.normal(size=(8, 4)).astype(np.float32), "v"),
        ],
    )
    opset = [helper.make_opsetid("", 17)]
    onnx.save(helper.make_model(graph, ir_version=9, opset_imports=opset), path)
    return path


def write_pictures(folder: Path, names: list[str]) -> Path:
    rng = np.random.default_rng(1)
    for name in names:
        (folder / name).parent.mkdir(parents=True, exist_ok=True)
        Image.fromarray(rng.integers(0, 256, (9, 12, 3), np.uint8)).save(folder / name)
    return folder
