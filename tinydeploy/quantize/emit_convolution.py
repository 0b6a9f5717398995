"""Operators of convolutions and linear layers."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from tinydeploy.quantize.emitter import Emitter
from tinydeploy.quantize.network import Conv, Dense, Padding, TransposeConv
from tinydeploy.quantize.same_padding import is_same_padding
from tinydeploy.quantize.tflite_operators import OptionValue
from tinydeploy.quantize.weights import QuantizedConv


def emit_conv(emitter: Emitter, conv: Conv) -> None:
    """CONV_2D or DEPTHWISE_CONV_2D, perhaps behind a PAD."""
    (name,) = conv.inputs
    shape = emitter.network.shapes[name]
    source, padding = emitter.tensor(name), "VALID"
    if any(conv.padding):
        if is_same_padding(conv, shape):
            padding = "SAME"
        else:  # a stride of 2 pads on other sides in TFLite than in ONNX
            source = _pad_input(emitter, conv.output, name, conv.padding)
    q = emitter.convolutions[conv.output]
    weights, axis = q.weights, 0
    if conv.is_depthwise:
        weights, axis = weights.transpose(3, 1, 2, 0), 3
    options: dict[str, OptionValue] = {
        "Padding": padding,
        "StrideH": conv.stride[0],
        "StrideW": conv.stride[1],
        "DilationHFactor": conv.dilation[0],
        "DilationWFactor": conv.dilation[1],
    }
    builtin = "CONV_2D"
    if conv.is_depthwise:
        builtin = "DEPTHWISE_CONV_2D"
        options["DepthMultiplier"] = len(conv.bias) // shape[3]
    inputs = [source, *_add_weights(emitter, conv, q, weights, axis)]
    emitter.add_bounded(builtin, conv.output, inputs, (conv.low, conv.high), options)


def emit_dense(emitter: Emitter, dense: Dense) -> None:
    """FULLY_CONNECTED."""
    q = emitter.convolutions[dense.output]
    weights = _add_weights(emitter, dense, q, q.weights[:, 0, 0, :], 0)
    inputs = [emitter.tensor(dense.inputs[0]), *weights]
    emitter.add_bounded("FULLY_CONNECTED", dense.output, inputs, (dense.low, dense.high), {})


def emit_transpose_conv(emitter: Emitter, conv: TransposeConv) -> None:
    """TRANSPOSE_CONV, whose padding is what it crops."""
    q = emitter.convolutions[conv.output]
    size = emitter.add_integers(f"{conv.output}/size", emitter.network.shapes[conv.output])
    weights, bias = _add_weights(emitter, conv, q, q.weights, 0)
    options: dict[str, OptionValue] = {
        "Padding": "SAME" if max(conv.padding) > 0 else "VALID",
        "StrideH": conv.stride[0],
        "StrideW": conv.stride[1],
    }
    inputs = [size, weights, emitter.tensor(conv.inputs[0]), bias]
    emitter.add_bounded("TRANSPOSE_CONV", conv.output, inputs, (conv.low, conv.high), options)


def _add_weights(
    emitter: Emitter, conv: Conv, q: QuantizedConv, weights: NDArray[np.int8], axis: int
) -> tuple[int, int]:
    weights_id = emitter.writer.add_tensor(
        f"{conv.output}/weights",
        weights.shape,
        "int8",
        scales=q.scales,
        axis=axis,
        data=weights,
    )
    # In float32, as the reference checks it: input scale times weight scale.
    scale = np.float32(emitter.parameters[conv.inputs[0]].scale)
    bias_scales = scale * q.scales.astype(np.float32)
    bias_id = emitter.writer.add_tensor(
        f"{conv.output}/bias", q.bias.shape, str(q.bias.dtype), scales=bias_scales, data=q.bias
    )
    return weights_id, bias_id


def _pad_input(emitter: Emitter, name: str, source: str, padding: Padding) -> int:
    n, h, w, c = emitter.network.shapes[source]
    top, left, bottom, right = padding
    shape = (n, h + top + bottom, w + left + right, c)
    target = emitter.add_activation(f"{name}/padded", shape, emitter.parameters[source])
    amounts = [[0, 0], [top, bottom], [left, right], [0, 0]]
    paddings = emitter.add_integers(f"{name}/paddings", amounts)
    emitter.writer.add_op("PAD", [emitter.tensor(source), paddings], [target])
    return target
