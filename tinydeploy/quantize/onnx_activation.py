"""ONNX operators that are functions of each number, and softmax."""

from __future__ import annotations

from typing import Any

import numpy as np

from tinydeploy.quantize.network import Activation, Affine, Clamp, PRelu, Softmax
from tinydeploy.quantize.onnx_elementwise import as_channels
from tinydeploy.quantize.onnx_reader import Node, Reader, UnsupportedNodeError, reads_op
from tinydeploy.quantize.onnx_shape import reshape_view
from tinydeploy.quantize.onnx_window import require_constant

_KINDS: dict[str, Any] = {
    "Abs": "ABS",
    "Exp": "EXP",
    "HardSwish": "HARD_SWISH",
    "Sigmoid": "LOGISTIC",
    "Tanh": "TANH",
}


@reads_op(*_KINDS, becomes="ABS EXP HARD_SWISH LOGISTIC TANH")
def read_activation(node: Node, reader: Reader) -> None:
    """A table of 256 bytes; x * Sigmoid(x), which is SiLU, is LOGISTIC and MUL."""
    source = reader.source(node)
    reader.add_like(Activation((source.tensor,), node.output, _KINDS[node.op]), source)


@reads_op("Gelu", becomes="GELU")
def read_gelu(node: Node, reader: Reader) -> None:
    """Both forms; those written out with Erf or Tanh are recognized."""
    source = reader.source(node)
    kind: Any = "GELU_TANH" if node.attributes.get("approximate", "none") == "tanh" else "GELU"
    reader.add_like(Activation((source.tensor,), node.output, kind), source)


@reads_op("LeakyRelu", becomes="LEAKY_RELU")
def read_leaky_relu(node: Node, reader: Reader) -> None:
    """Any slope."""
    source = reader.source(node)
    alpha = float(node.attributes.get("alpha", 0.01))
    if not np.isfinite(alpha):
        raise UnsupportedNodeError(f"alpha {alpha}")
    reader.add_like(Activation((source.tensor,), node.output, "LEAKY_RELU", alpha), source)


@reads_op("PRelu", becomes="PRELU")
def read_prelu(node: Node, reader: Reader) -> None:
    """One slope, or one per channel."""
    source = reader.source(node)
    slope = require_constant(reader.weights(node, 1))
    channels = as_channels(reader, source, slope)
    if channels is None:
        raise UnsupportedNodeError(
            f"slopes of shape {list(slope.shape)}", "one slope, or one per channel"
        )
    reader.add_like(PRelu((source.tensor,), node.output, channels), source)


@reads_op("HardSigmoid", becomes="DEPTHWISE_CONV_2D")
def read_hard_sigmoid(node: Node, reader: Reader) -> None:
    """A factor, a shift and two bounds: all of it goes into the convolution in front."""
    source = reader.source(node)
    alpha = float(node.attributes.get("alpha", 0.2))
    beta = float(node.attributes.get("beta", 0.5))
    channels = np.ones(reader.shapes[source.tensor][-1])
    inner = f"{node.output}/line"
    affine = Affine((source.tensor,), inner, alpha * channels, beta * channels)
    reader.add_like(affine, source)
    reader.add_like(Clamp((inner,), node.output, 0 * channels, channels), source)


@reads_op("Softmax", becomes="SOFTMAX")
def read_softmax(node: Node, reader: Reader) -> None:
    """Over any axis; other than the channels' it takes a TRANSPOSE."""
    source = reader.source(node)
    rank = len(source.shape)
    axis = int(node.attributes.get("axis", -1 if reader.opset >= 13 else 1))
    if not -rank <= axis < rank:
        raise UnsupportedNodeError(f"axis {axis} of {rank}")
    axis %= rank
    if reader.opset < 13:  # over all axes from this one on
        sizes = int(np.prod(source.shape[:axis])), int(np.prod(source.shape[axis:]))
        flat = reshape_view(reader, source, sizes)
    else:
        flat = source
    arranged = reader.arrange(flat)
    last = arranged.axis(1 if reader.opset < 13 else axis)
    if last != len(arranged.shape) - 1:
        order = [a for k, a in enumerate(arranged.order) if k != last] + [arranged.order[last]]
        arranged = reader.arrange(flat, order)
    softmax = Softmax((arranged.tensor,), node.output)
    reader.add(softmax, arranged.shape, arranged.view(arranged.shape))
    if flat is not source:
        reader.alias(node, reshape_view(reader, reader.sources[node.output], source.shape))
