"""ONNX operators with weights: convolutions, linear layers, batch normalization."""

from __future__ import annotations

import numpy as np

from tinydeploy.quantize.network import Array, Conv, Dense, Slice, TransposeConv
from tinydeploy.quantize.onnx_elementwise import add_scaled_and_shifted
from tinydeploy.quantize.onnx_reader import (
    Arranged,
    Node,
    Reader,
    Source,
    UnsupportedNodeError,
    check_size,
    reads_op,
)
from tinydeploy.quantize.onnx_window import (
    read_padding,
    read_pair,
    require_constant,
    window_output,
)
from tinydeploy.quantize.same_padding import same_padding
from tinydeploy.quantize.view import View

# A channel whose activations did not vary in training; dividing by its deviation amplifies noise.
DEAD_VARIANCE = 1e-12


@reads_op("Conv", becomes="CONV_2D DEPTHWISE_CONV_2D PAD")
def read_conv(node: Node, reader: Reader) -> None:
    """In one or two dimensions: grouped, depthwise, dilated, padded on each side as it likes."""
    source, weights, groups = _read_weights(node, reader, inputs_first=False)
    outputs, inputs, kh, kw = weights.shape
    if inputs * groups != source.shape[3] or outputs % groups:
        raise UnsupportedNodeError(
            f"weights {list(weights.shape)} and {groups} groups for {source.shape[3]} channels"
        )
    stride, dilation = (read_pair(node, n, source.rank) for n in ("strides", "dilations"))
    padding = read_padding(node, source.shape, (kh, kw), stride, dilation, source.rank)
    conv = Conv(
        inputs=(source.tensor,),
        output=node.output,
        weights=weights.transpose(0, 2, 3, 1).copy(),
        bias=_read_bias(node, reader, outputs),
        low=np.full(outputs, -np.inf),
        high=np.full(outputs, np.inf),
        stride=stride,
        dilation=dilation,
        padding=padding,
        groups=groups,
        scales=_read_scales(reader, node.inputs[1], outputs, 0),
    )
    size = window_output(source.shape, (kh, kw), stride, dilation, padding)
    shape = (1, *size, outputs)
    reader.add(conv, shape, source.view(shape))


@reads_op("ConvTranspose", becomes="TRANSPOSE_CONV SLICE PAD")
def read_conv_transpose(node: Node, reader: Reader) -> None:
    """In one or two dimensions; groups and dilation are written out as zeros."""
    source, weights, groups = _read_weights(node, reader, inputs_first=True)
    inputs, width = weights.shape[:2]
    if inputs != source.shape[3]:
        raise UnsupportedNodeError(f"weights {list(weights.shape)} for {source.shape[3]} channels")
    stride, dilation = (read_pair(node, n, source.rank) for n in ("strides", "dilations"))
    weights = _spread_taps(_ungroup(weights, groups), dilation)
    outputs, kernel = width * groups, weights.shape[2:]
    cuts, size = _cut_transposed(node, source, (kernel[0], kernel[1]), stride)
    whole = tuple((source.shape[1 + i] - 1) * stride[i] + kernel[i] for i in (0, 1))
    is_same = all(
        size[i] == source.shape[1 + i] * stride[i]
        and cuts[i] == same_padding(size[i], kernel[i], stride[i])
        for i in (0, 1)
    )
    if is_same:
        padding, made = (cuts[0][0], cuts[1][0], cuts[0][1], cuts[1][1]), size
    else:  # TFLite crops as SAME does or not at all; it adds less than the stride at the end
        if any(-cut[1] >= stride[i] for i, cut in enumerate(cuts)):
            raise UnsupportedNodeError("output_padding that is not less than the stride")
        made = tuple(whole[i] + max(0, -cuts[i][1]) for i in (0, 1))
        padding = (0, 0, 0, 0)
    name = node.output if made == size else f"{node.output}/whole"
    conv = TransposeConv(
        inputs=(source.tensor,),
        output=name,
        weights=weights.transpose(1, 2, 3, 0).copy(),
        bias=_read_bias(node, reader, outputs),
        low=np.full(outputs, -np.inf),
        high=np.full(outputs, np.inf),
        stride=stride,
        padding=padding,
        scales=_read_scales(reader, node.inputs[1], outputs, 1) if groups == 1 else None,
        size=made,
    )
    shape = (1, *made, outputs)
    reader.add(conv, shape, source.view(shape))
    if made != size:
        ranges = tuple(range(cuts[i][0], cuts[i][0] + size[i]) for i in (0, 1))
        shape = (1, *size, outputs)
        layer = Slice((name,), node.output, (range(1), *ranges, range(outputs)))
        reader.add(layer, shape, source.view(shape))


@reads_op("Gemm", becomes="FULLY_CONNECTED")
def read_gemm(node: Node, reader: Reader) -> None:
    """With constant weights; behind a flattened picture they are sorted as TFLite counts."""
    attributes = node.attributes
    if attributes.get("transA", 0):
        raise UnsupportedNodeError("its activation is transposed", "transpose the weights instead")
    weights = require_constant(reader.weights(node, 1)) * float(attributes.get("alpha", 1.0))
    if not attributes.get("transB", 0):
        weights = weights.T
    bias = reader.weights(node, 2)
    if bias is not None:
        bias = bias * float(attributes.get("beta", 1.0))
    _add_linear(node, reader, weights, bias)


@reads_op("MatMul", becomes="FULLY_CONNECTED CONV_2D")
def read_matmul(node: Node, reader: Reader) -> None:
    """Of vectors with constant weights; of several vectors it is a 1x1 convolution."""
    if node.inputs[0] in reader.constants or node.inputs[1] not in reader.constants:
        raise UnsupportedNodeError(
            "its second operand is not a constant", "only products with weights can be quantized"
        )
    weights = require_constant(reader.weights(node, 1))
    if weights.ndim != 2:
        raise UnsupportedNodeError(f"weights of shape {list(weights.shape)}", "use [I, O]")
    _add_linear(node, reader, weights.T, None)


@reads_op("BatchNormalization", becomes="DEPTHWISE_CONV_2D")
def read_batch_normalization(node: Node, reader: Reader) -> None:
    """Goes into the convolution in front, also through a ReLU; elsewhere a depthwise one.

    A channel that never varied in training (variance below DEAD_VARIANCE) becomes its constant:
    the scale 1 / sqrt(variance + epsilon) of hundreds would else spoil the range of all others.
    """
    if node.attributes.get("training_mode", 0):
        raise UnsupportedNodeError("it is in training mode", "export after model.eval()")
    source = reader.source(node)
    gamma, beta, mean, variance = (require_constant(reader.weights(node, i)) for i in range(1, 5))
    if (variance < 0).any():
        raise UnsupportedNodeError("a negative variance")
    scale = gamma / np.sqrt(variance + float(node.attributes.get("epsilon", 1e-5)))
    dead = variance < DEAD_VARIANCE
    scale = np.where(dead, 0.0, scale)
    trailing = (1,) * (len(source.shape) - 2)
    shift = beta - mean * scale
    add_scaled_and_shifted(
        node, reader, source, scale.reshape(-1, *trailing), shift.reshape(-1, *trailing)
    )


def _read_weights(node: Node, reader: Reader, *, inputs_first: bool) -> tuple[Arranged, Array, int]:
    """The picture, weights of four axes and the number of groups of a convolution."""
    source = reader.picture(node)
    weights: Array = require_constant(reader.weights(node, 1))
    if weights.ndim != source.rank:
        raise UnsupportedNodeError(
            f"weights of shape {list(weights.shape)}", "use 1-D or 2-D convolution"
        )
    if source.rank == 3:
        weights = weights[:, :, None]
    groups = int(node.attributes.get("group", 1))
    if groups < 1 or (inputs_first and len(weights) % groups):
        raise UnsupportedNodeError(f"weights {list(weights.shape)} do not fit {groups} groups")
    return source, weights, groups


def _read_bias(node: Node, reader: Reader, outputs: int) -> Array:
    bias = reader.weights(node, 2)
    return np.zeros(outputs) if bias is None else bias.reshape(outputs)


def _read_scales(reader: Reader, name: str, outputs: int, axis: int) -> Array | None:
    """Scales of weights that the model brings along, one per output; along that axis or one."""
    scales, along = reader.weight_scales.get(name, (np.zeros(0), axis))
    if scales.size == 0 or (scales.size > 1 and along != axis):
        return None
    return np.broadcast_to(scales, outputs).copy()


def _ungroup(weights: Array, groups: int) -> Array:
    """Weights [I, O / groups, KH, KW] as [I, O, KH, KW], zero where groups do not meet."""
    if groups == 1:
        return weights
    inputs, width, kh, kw = weights.shape
    check_size((inputs, groups, width, kh, kw))
    full = np.zeros((groups, inputs // groups, groups, width, kh, kw))
    for group in range(groups):
        full[group, :, group] = weights.reshape(groups, -1, width, kh, kw)[group]
    return full.reshape(inputs, groups * width, kh, kw)


def _spread_taps(weights: Array, dilation: tuple[int, int]) -> Array:
    """Weights [.., KH, KW] with zeros between the taps."""
    if dilation == (1, 1):
        return weights
    *front, kh, kw = weights.shape
    size = (kh - 1) * dilation[0] + 1, (kw - 1) * dilation[1] + 1
    check_size((*front, *size))
    spread = np.zeros((*front, *size))
    spread[..., :: dilation[0], :: dilation[1]] = weights
    return spread


def _cut_transposed(
    node: Node, source: Arranged, kernel: tuple[int, int], stride: tuple[int, int]
) -> tuple[list[tuple[int, int]], tuple[int, int]]:
    """Rows and columns to cut off (before, behind) from all that the kernels reach; the size left.

    Behind, less than nothing may be cut off: zeros more.
    """
    count = source.rank - 2
    more = [int(v) for v in node.attributes.get("output_padding", [0] * count)]
    wanted = [int(v) for v in node.attributes.get("output_shape", ())][-count:]
    mode = node.attributes.get("auto_pad", "NOTSET")
    pads = [0] * 4 if mode != "NOTSET" else [int(p) for p in node.attributes.get("pads", [0] * 4)]
    pads = [0, pads[0], 0, pads[1]] if count == 1 and len(pads) == 2 else pads
    if len(pads) != 4 or min(pads) < 0 or len(more) != count or min(more) < 0:
        raise UnsupportedNodeError(f"padding {pads} and output_padding {more}")
    more = [0, *more][-2:]
    cuts, size = [], []
    for i in (0, 1):
        whole = (source.shape[1 + i] - 1) * stride[i] + kernel[i]
        length = whole + more[i] - pads[i] - pads[2 + i]
        before, behind = pads[i], pads[2 + i] - more[i]
        goal = ([0, *wanted] if count == 1 else wanted)[i] if wanted else 0
        if mode in ("SAME_UPPER", "SAME_LOWER"):
            goal = goal or source.shape[1 + i] * stride[i]
        if goal:
            length, total = goal, whole + more[i] - goal
            less = total // 2
            upper = mode != "SAME_LOWER" if mode != "NOTSET" else False
            before = less if upper else total - less
            behind = total - before - more[i]
        cuts.append((before, behind))
        size.append(length)
    if min(size) < 1 or min(cut[0] for cut in cuts) < 0:
        raise UnsupportedNodeError(f"its output would have the height and width {size}")
    return cuts, (size[0], size[1])


def _add_linear(node: Node, reader: Reader, weights: Array, bias: Array | None) -> None:
    """Adds a Dense layer, or a 1x1 convolution for several vectors; weights [O, I]."""
    source = reader.source(node)
    if weights.ndim != 2 or not source.shape or weights.shape[1] != source.shape[-1]:
        raise UnsupportedNodeError(
            f"weights {list(weights.shape)} on an activation of shape {list(source.shape)}",
            "flatten to [N, features] before a linear layer",
        )
    outputs = len(weights)
    biases = np.zeros(outputs)
    if bias is not None:
        biases = np.broadcast_to(bias.ravel() if bias.size == outputs else bias, outputs).copy()
    bounds = np.full(outputs, -np.inf), np.full(outputs, np.inf)
    is_turned = node.op == "Gemm" and bool(node.attributes.get("transB", 0))
    scales = _read_scales(reader, node.inputs[1], outputs, 0 if is_turned else 1)
    if node.attributes.get("alpha", 1.0) != 1.0:
        scales = None
    if np.prod(source.shape) == source.shape[-1]:
        tensor, numbers = reader.vector(source)
        kernel = weights[:, None, None, numbers]
        dense = Dense((tensor,), node.output, kernel, biases, *bounds, scales=scales)
        shape = (1, outputs)
        view = View.of(shape, (0, 1))
        for _ in range(len(source.shape) - 2):
            view = view.insert(0)
        reader.add(dense, shape, view)
        return
    last = len(source.shape) - 1
    front = int(np.prod(source.shape[:-1]))
    rows = source.view.reshape((1, front, source.shape[-1]))
    if rows is None:
        raise UnsupportedNodeError(f"an activation of shape {list(source.shape)} that was reshaped")
    picture = reader.arrange(Source(source.tensor, rows), (0, 2, 1, 3))
    conv = Conv(
        (picture.tensor,),
        node.output,
        weights[:, None, None].copy(),
        biases,
        *bounds,
        scales=scales,
    )
    shape4 = (1, 1, front, outputs)
    view3 = View.of((front, outputs), (0, 1))
    back = view3.reshape((*source.shape[:last], outputs))
    if back is None:
        raise UnsupportedNodeError(f"an activation of shape {list(source.shape)}")
    reader.add(conv, shape4, back)
