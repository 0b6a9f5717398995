"""How small ONNX models are made for tests: one call each."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

import numpy as np
import onnx
from onnx import TensorProto, helper, numpy_helper

PICTURE = (1, 4, 6, 7)
SEQUENCE = (1, 4, 9)
VECTOR = (1, 12)
RNG = np.random.default_rng(7)


@dataclass(frozen=True)
class Case:
    """A model from x to y, or to several outputs.

    Args:
        nodes: In order.
        constants: By name.
        shape: Of x.
        outputs: Names.
        opset: Version of the operators.
        snr: Least SNR of int8 against float, in dB.
    """

    nodes: tuple[onnx.NodeProto, ...]
    constants: Mapping[str, np.ndarray] = field(default_factory=dict)
    shape: tuple[int, ...] = PICTURE
    outputs: tuple[str, ...] = ("y",)
    opset: int = 17
    snr: float = 30.0

    def model(self) -> bytes:
        """The ONNX file, for a batch of 1."""
        values = [numpy_helper.from_array(np.asarray(v), k) for k, v in self.constants.items()]
        graph = helper.make_graph(
            list(self.nodes),
            "g",
            [helper.make_tensor_value_info("x", TensorProto.FLOAT, self.shape)],
            [helper.make_tensor_value_info(name, TensorProto.FLOAT, None) for name in self.outputs],
            values,
        )
        opset = helper.make_opsetid("", self.opset)
        model = helper.make_model(graph, opset_imports=[opset], ir_version=8)
        return bytes(onnx.shape_inference.infer_shapes(model).SerializeToString())


def node(op: str, inputs: str, outputs: str = "y", **attributes: Any) -> onnx.NodeProto:
    """A node; names of inputs and outputs with spaces between, - for one left out."""
    names = ["" if name == "-" else name for name in inputs.split()]
    return helper.make_node(op, names, outputs.split(), name=f"the_{outputs}", **attributes)


def weights(*shape: int) -> np.ndarray:
    return RNG.normal(0, 0.5, shape).astype(np.float32)


def one(op: str, inputs: str = "x", constants: Any = None, **rest: Any) -> Case:
    """A case of one node; attributes and fields of Case by keyword."""
    fields = {k: rest.pop(k) for k in ("shape", "opset", "snr") if k in rest}
    return Case((node(op, inputs, **rest),), constants or {}, **fields)


def ints(*values: int) -> np.ndarray:
    return np.array(values, np.int64)


def floats(*values: float) -> np.ndarray:
    return np.array(values, np.float32)


def conv(
    shape: tuple[int, ...] = (5, 4, 3, 3), source: tuple[int, ...] = PICTURE, **a: Any
) -> Case:
    return one("Conv", "x w b", {"w": weights(*shape), "b": weights(shape[0])}, shape=source, **a)


def transposed(
    shape: tuple[int, ...] = (4, 3, 3, 3), source: tuple[int, ...] = PICTURE, **a: Any
) -> Case:
    bias = weights(shape[1] * a.get("group", 1))
    return one("ConvTranspose", "x w b", {"w": weights(*shape), "b": bias}, shape=source, **a)


def resize(scales: tuple[float, ...] = (1, 1, 2, 2), shape: Any = PICTURE, **a: Any) -> Case:
    return one("Resize", "x - s", {"s": floats(*scales)}, shape=shape, **a)


def resize_to(sizes: tuple[int, ...], **a: Any) -> Case:
    return one("Resize", "x - - s", {"s": ints(*sizes)}, **a)


def chain(*nodes: onnx.NodeProto, constants: Any = None, **fields: Any) -> Case:
    return Case(nodes, constants or {}, **fields)
