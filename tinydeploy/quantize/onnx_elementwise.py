"""ONNX operators on each element: arithmetic, sums, clamps."""

from __future__ import annotations

import numpy as np

from tinydeploy.quantize.network import Add, Affine, Array, Clamp, Shape
from tinydeploy.quantize.onnx_reader import Node, Reader, UnsupportedNodeError, reads_op
from tinydeploy.quantize.onnx_window import require_constant


@reads_op("Mul", "Div", "Sub")
def read_arithmetic(node: Node, reader: Reader) -> None:
    """Arithmetic with a constant per channel, or with one for all."""
    first_constant = node.inputs[0] in reader.constants
    if first_constant and node.op == "Div":
        raise UnsupportedNodeError("division of a constant by an activation")
    source = reader.activation(node, 1 if first_constant else 0)
    channels = reader.shapes[source][1]
    value = _per_channel(reader, node, 0 if first_constant else 1, reader.shapes[source])
    one, zero = np.ones(channels), np.zeros(channels)
    if node.op == "Mul":
        scale, shift = value, zero
    elif node.op == "Div":
        if (value == 0).any():
            raise UnsupportedNodeError("division by zero")
        scale, shift = 1 / value, zero
    else:
        scale, shift = (-one, value) if first_constant else (one, -value)
    add_affine(node, reader, source, scale, shift)


@reads_op("Add")
def read_add(node: Node, reader: Reader) -> None:
    """The sum of two activations of one shape, or of an activation and a constant per channel."""
    constant = [name in reader.constants for name in node.inputs]
    if any(constant):
        source = reader.activation(node, constant.index(False))
        shape = reader.shapes[source]
        value = _per_channel(reader, node, constant.index(True), shape)
        add_affine(node, reader, source, np.ones(shape[1]), value)
        return
    sources = reader.activation(node, 0), reader.activation(node, 1)
    shapes = [reader.shapes[source] for source in sources]
    if shapes[0] != shapes[1]:
        raise UnsupportedNodeError(f"its inputs have the shapes {shapes[0]} and {shapes[1]}")
    reader.add(Add(sources, node.output), shapes[0])


@reads_op("Relu")
def read_relu(node: Node, reader: Reader) -> None:
    """Clamp below at 0."""
    _add_clamp(node, reader, 0.0, np.inf)


@reads_op("Clip")
def read_clip(node: Node, reader: Reader) -> None:
    """Clamp to constants; ReLU6 is one."""
    bounds = []
    for index, (name, default) in enumerate((("min", -np.inf), ("max", np.inf)), 1):
        value = reader.constant(node, index)
        bounds.append(float(node.attributes.get(name, default) if value is None else value))
    if np.isnan(bounds).any() or bounds[0] > bounds[1]:
        raise UnsupportedNodeError(f"it clips to {bounds}")
    _add_clamp(node, reader, bounds[0], bounds[1])


def add_affine(node: Node, reader: Reader, source: str, scale: Array, shift: Array) -> None:
    """Adds scale * x + shift per channel."""
    reader.add(Affine((source,), node.output, scale, shift), reader.shapes[source])


def _add_clamp(node: Node, reader: Reader, low: float, high: float) -> None:
    source = reader.activation(node, ordered=False)
    shape = reader.shapes[source]
    bounds = np.full(shape[1], low), np.full(shape[1], high)
    reader.add(Clamp((source,), node.output, *bounds), shape)
    if source in reader.orders:
        reader.orders[node.output] = reader.orders[source]


def _per_channel(reader: Reader, node: Node, index: int, shape: Shape) -> Array:
    """A constant that broadcasts along all but the channels, as [C]."""
    value: Array = require_constant(reader.weights(node, index))
    channels = shape[1]
    if value.size == 1:
        return np.full(channels, value.item())
    if value.ndim > len(shape):
        raise UnsupportedNodeError(f"a constant of shape {list(value.shape)}")
    full = (1,) * (len(shape) - value.ndim) + value.shape
    if full != (1, channels) + (1,) * (len(shape) - 2):
        raise UnsupportedNodeError(
            f"a constant of shape {list(value.shape)} with an activation of shape {list(shape)}",
            "one value, or one per channel",
        )
    return value.reshape(channels)
