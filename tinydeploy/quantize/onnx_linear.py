"""ONNX operators with weights: convolutions, linear layers, batch normalization."""

from __future__ import annotations

import numpy as np

from tinydeploy.quantize.network import Array, Conv, Dense
from tinydeploy.quantize.onnx_elementwise import add_affine
from tinydeploy.quantize.onnx_reader import Node, Reader, UnsupportedNodeError, reads_op
from tinydeploy.quantize.onnx_window import (
    picture_shape,
    read_padding,
    read_pair,
    require_constant,
    window_output,
)

# A channel whose activations did not vary in training; dividing by its deviation amplifies noise.
DEAD_VARIANCE = 1e-12


@reads_op("Conv")
def read_conv(node: Node, reader: Reader) -> None:
    """Conv in two dimensions: grouped, depthwise, dilated, padded on each side as it likes."""
    source = reader.activation(node)
    shape = picture_shape(reader, source)
    weights = require_constant(reader.weights(node, 1))
    if weights.ndim != 4:
        raise UnsupportedNodeError(f"weights of shape {list(weights.shape)}", "use 2-D convolution")
    groups = int(node.attributes.get("group", 1))
    outputs, inputs, kh, kw = weights.shape
    if groups < 1 or inputs * groups != shape[1] or outputs % groups:
        raise UnsupportedNodeError(f"weights {list(weights.shape)} do not fit {groups} groups")
    bias = reader.weights(node, 2)
    stride, dilation = read_pair(node, "strides"), read_pair(node, "dilations")
    padding = read_padding(node, shape, (kh, kw), stride, dilation)
    conv = Conv(
        inputs=(source,),
        output=node.output,
        weights=weights.transpose(0, 2, 3, 1).copy(),
        bias=np.zeros(outputs) if bias is None else bias.reshape(outputs),
        low=np.full(outputs, -np.inf),
        high=np.full(outputs, np.inf),
        stride=stride,
        dilation=dilation,
        padding=padding,
        groups=groups,
    )
    size = window_output(shape, (kh, kw), stride, dilation, padding)
    reader.add(conv, (1, outputs, *size))


@reads_op("Gemm")
def read_gemm(node: Node, reader: Reader) -> None:
    """Gemm of a vector with constant weights."""
    attributes = node.attributes
    if attributes.get("transA", 0):
        raise UnsupportedNodeError("its activation is transposed")
    weights = require_constant(reader.weights(node, 1)) * float(attributes.get("alpha", 1.0))
    bias = reader.weights(node, 2)
    if bias is not None:
        bias = bias * float(attributes.get("beta", 1.0))
    _add_dense(node, reader, weights if attributes.get("transB", 0) else weights.T, bias)


@reads_op("MatMul")
def read_matmul(node: Node, reader: Reader) -> None:
    """MatMul of a vector with constant weights."""
    weights = require_constant(reader.weights(node, 1))
    if weights.ndim != 2:
        raise UnsupportedNodeError(f"weights of shape {list(weights.shape)}")
    _add_dense(node, reader, weights.T, None)


def _add_dense(node: Node, reader: Reader, weights: Array, bias: Array | None) -> None:
    """Adds a Dense layer; weights [O, I]."""
    source = reader.activation(node, ordered=False)
    shape = reader.shapes[source]
    if len(shape) != 2 or weights.ndim != 2 or weights.shape[1] != shape[1]:
        raise UnsupportedNodeError(
            f"weights {list(weights.shape)} on an activation of shape {list(shape)}",
            "flatten to [N, features] before a linear layer",
        )
    if source in reader.orders:  # columns from ONNX's order of a flattened picture to TFLite's
        c, h, w = reader.orders[source]
        weights = weights.reshape(-1, c, h, w).transpose(0, 2, 3, 1).reshape(len(weights), -1)
    outputs = len(weights)
    dense = Dense(
        inputs=(source,),
        output=node.output,
        weights=weights[:, None, None, :].copy(),
        bias=np.zeros(outputs) if bias is None else np.broadcast_to(bias.ravel(), outputs).copy(),
        low=np.full(outputs, -np.inf),
        high=np.full(outputs, np.inf),
    )
    reader.add(dense, (1, outputs))


@reads_op("BatchNormalization")
def read_batch_normalization(node: Node, reader: Reader) -> None:
    """Batch normalization with its running statistics.

    A channel that never varied in training (variance below DEAD_VARIANCE) becomes its constant:
    the scale 1 / sqrt(variance + epsilon) of hundreds would else spoil the range of all others.
    """
    if node.attributes.get("training_mode", 0):
        raise UnsupportedNodeError("it is in training mode", "export after model.eval()")
    source = reader.activation(node)
    gamma, beta, mean, variance = (require_constant(reader.weights(node, i)) for i in range(1, 5))
    if (variance < 0).any():
        raise UnsupportedNodeError("a negative variance")
    scale = gamma / np.sqrt(variance + float(node.attributes.get("epsilon", 1e-5)))
    dead = variance < DEAD_VARIANCE
    scale = np.where(dead, 0.0, scale)
    add_affine(node, reader, source, scale, beta - mean * scale)
