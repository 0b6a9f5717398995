"""What each ONNX operator becomes: one function per operator (or family).

A function reads one node, appends layers to the reader and raises UnsupportedNodeError for what
cannot be expressed. Shapes are ONNX's (NCHW) here, weights are turned to [O, KH, KW, I].
"""

from __future__ import annotations

from typing import Any

import numpy as np

from tinydeploy.quantize.network import (
    Add,
    Affine,
    Array,
    AveragePool,
    Clamp,
    Conv,
    Dense,
    MaxPool,
    Mean,
    Pad,
    Padding,
    Pair,
    Reshape,
    Shape,
    Softmax,
    same_padding,
)
from tinydeploy.quantize.read_onnx import Node, Reader, UnsupportedNodeError, reads_op

# A channel whose activations did not vary in training; dividing by its deviation amplifies noise.
DEAD_VARIANCE = 1e-12


@reads_op("Conv")
def read_conv(node: Node, reader: Reader) -> None:
    """Conv in two dimensions: grouped, depthwise, dilated, padded on each side as it likes."""
    source = reader.activation(node)
    shape = _picture_shape(reader, source)
    weights = _require(reader.weights(node, 1))
    if weights.ndim != 4:
        raise UnsupportedNodeError(f"weights of shape {list(weights.shape)}", "use 2-D convolution")
    groups = int(node.attributes.get("group", 1))
    outputs, inputs, kh, kw = weights.shape
    if groups < 1 or inputs * groups != shape[1] or outputs % groups:
        raise UnsupportedNodeError(f"weights {list(weights.shape)} do not fit {groups} groups")
    bias = reader.weights(node, 2)
    stride, dilation = _pair(node, "strides"), _pair(node, "dilations")
    padding = _padding(node, shape, (kh, kw), stride, dilation)
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
    size = _window_output(shape, (kh, kw), stride, dilation, padding)
    reader.add(conv, (1, outputs, *size))


@reads_op("Gemm")
def read_gemm(node: Node, reader: Reader) -> None:
    """Gemm of a vector with constant weights."""
    attributes = node.attributes
    if attributes.get("transA", 0):
        raise UnsupportedNodeError("its activation is transposed")
    weights = _require(reader.weights(node, 1)) * float(attributes.get("alpha", 1.0))
    bias = reader.weights(node, 2)
    if bias is not None:
        bias = bias * float(attributes.get("beta", 1.0))
    _add_dense(node, reader, weights if attributes.get("transB", 0) else weights.T, bias)


@reads_op("MatMul")
def read_matmul(node: Node, reader: Reader) -> None:
    """MatMul of a vector with constant weights."""
    weights = _require(reader.weights(node, 1))
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
    gamma, beta, mean, variance = (_require(reader.weights(node, i)) for i in range(1, 5))
    if (variance < 0).any():
        raise UnsupportedNodeError("a negative variance")
    scale = gamma / np.sqrt(variance + float(node.attributes.get("epsilon", 1e-5)))
    dead = variance < DEAD_VARIANCE
    scale = np.where(dead, 0.0, scale)
    _add_affine(node, reader, source, scale, beta - mean * scale)


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
    _add_affine(node, reader, source, scale, shift)


@reads_op("Add")
def read_add(node: Node, reader: Reader) -> None:
    """The sum of two activations of one shape, or of an activation and a constant per channel."""
    constant = [name in reader.constants for name in node.inputs]
    if any(constant):
        source = reader.activation(node, constant.index(False))
        shape = reader.shapes[source]
        value = _per_channel(reader, node, constant.index(True), shape)
        _add_affine(node, reader, source, np.ones(shape[1]), value)
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


@reads_op("MaxPool")
def read_max_pool(node: Node, reader: Reader) -> None:
    """MaxPool; padding that is not TFLite's SAME only where no value is negative."""
    source, shape, kernel, stride, padding = _pool_window(node, reader)
    size = _window_output(shape, kernel, stride, (1, 1), padding)
    if not _is_same(shape, kernel, stride, padding):
        if not _is_non_negative(reader, source):
            raise UnsupportedNodeError(
                f"padding {padding} around values that may be negative",
                "put a ReLU in front of it, or leave the padding out",
            )
        source, padding = _add_pad(reader, node, source, padding), (0, 0, 0, 0)
    reader.add(MaxPool((source,), node.output, kernel, stride, padding), (1, shape[1], *size))


@reads_op("AveragePool")
def read_average_pool(node: Node, reader: Reader) -> None:
    """AveragePool; padding counts as zeros, or not at all where it is TFLite's SAME."""
    source, shape, kernel, stride, padding = _pool_window(node, reader)
    size = _window_output(shape, kernel, stride, (1, 1), padding)
    if any(padding):
        if node.attributes.get("count_include_pad", 0):
            source, padding = _add_pad(reader, node, source, padding), (0, 0, 0, 0)
        elif not _is_same(shape, kernel, stride, padding):
            raise UnsupportedNodeError(
                f"padding {padding} that does not count", "use count_include_pad=True"
            )
    reader.add(AveragePool((source,), node.output, kernel, stride, padding), (1, shape[1], *size))


@reads_op("GlobalAveragePool")
def read_global_average_pool(node: Node, reader: Reader) -> None:
    """The mean over height and width, which stay as 1."""
    source = reader.activation(node)
    shape = _picture_shape(reader, source)
    reader.add(Mean((source,), node.output), (1, shape[1], 1, 1))


@reads_op("ReduceMean")
def read_reduce_mean(node: Node, reader: Reader) -> None:
    """The mean over height and width."""
    source = reader.activation(node)
    shape = _picture_shape(reader, source)
    axes = reader.constant(node, 1)
    listed = node.attributes.get("axes", range(4)) if axes is None else axes.tolist()
    if sorted(axis % 4 for axis in listed) != [2, 3]:
        raise UnsupportedNodeError(f"a mean over the axes {list(listed)}", "average over H and W")
    keep = node.attributes.get("keepdims", 1)
    reader.add(Mean((source,), node.output), (1, shape[1], 1, 1) if keep else (1, shape[1]))


@reads_op("Softmax")
def read_softmax(node: Node, reader: Reader) -> None:
    """Softmax over the channels."""
    source = reader.activation(node)
    shape = reader.shapes[source]
    axis = int(node.attributes.get("axis", -1)) % len(shape)
    if axis != 1 and not (axis == len(shape) - 1 and shape[axis] == int(np.prod(shape))):
        raise UnsupportedNodeError(f"softmax over axis {axis}", "take it over the channels")
    reader.add(Softmax((source,), node.output), shape)


@reads_op("Pad")
def read_pad(node: Node, reader: Reader) -> None:
    """Zeros around height and width."""
    source = reader.activation(node)
    shape = _picture_shape(reader, source)
    if node.attributes.get("mode", "constant") != "constant":
        raise UnsupportedNodeError(f"mode {node.attributes['mode']}", "pad with zeros")
    given = reader.constant(node, 1)
    pads = list(node.attributes.get("pads", ())) if given is None else given.tolist()
    value = reader.constant(node, 2)
    fill = float(node.attributes.get("value", 0.0) if value is None else value.item())
    axes = reader.constant(node, 3)
    before_after = dict.fromkeys(range(4), (0, 0))
    listed = list(range(4)) if axes is None else [int(a) % 4 for a in axes]
    if len(pads) != 2 * len(listed):
        raise UnsupportedNodeError(f"{len(pads)} paddings for {len(listed)} axes")
    for k, axis in enumerate(listed):
        before_after[axis] = int(pads[k]), int(pads[k + len(listed)])
    if before_after[0] != (0, 0) or before_after[1] != (0, 0) or min(pads, default=0) < 0:
        raise UnsupportedNodeError(f"padding {pads}", "pad height and width only, do not crop")
    if fill != 0:
        raise UnsupportedNodeError(f"padding with {fill}", "pad with zeros")
    (top, bottom), (left, right) = before_after[2], before_after[3]
    size = shape[2] + top + bottom, shape[3] + left + right
    reader.add(Pad((source,), node.output, (top, left, bottom, right)), (1, shape[1], *size))


@reads_op("Identity", "Dropout")
def read_identity(node: Node, reader: Reader) -> None:
    """Nothing at inference."""
    reader.alias(node, reader.activation(node, ordered=False))


@reads_op("Cast")
def read_cast(node: Node, reader: Reader) -> None:
    """Nothing between types of real numbers."""
    if node.attributes.get("to") not in (1, 10, 11, 16):  # float, float16, double, bfloat16
        raise UnsupportedNodeError("a cast of an activation to integers")
    reader.alias(node, reader.activation(node, ordered=False))


@reads_op("Flatten")
def read_flatten(node: Node, reader: Reader) -> None:
    """Everything but the batch becomes one axis."""
    source = reader.activation(node, ordered=False)
    shape = reader.shapes[source]
    if int(node.attributes.get("axis", 1)) % len(shape) != 1:
        raise UnsupportedNodeError("it flattens the batch", "flatten from axis 1 on")
    _add_reshape(node, reader, source, (1, int(np.prod(shape))))


@reads_op("Reshape")
def read_reshape(node: Node, reader: Reader) -> None:
    """Another shape for the same elements."""
    source = reader.activation(node, ordered=False)
    old = reader.shapes[source]
    wanted = [int(size) for size in _require(reader.constant(node, 1)).ravel()]
    if not node.attributes.get("allowzero", 0):
        wanted = [old[k] if size == 0 and k < len(old) else size for k, size in enumerate(wanted)]
    rest = int(np.prod([size for size in wanted if size != -1]))
    total = int(np.prod(old))
    if wanted.count(-1) == 1 and rest > 0 and total % rest == 0:
        wanted[wanted.index(-1)] = total // rest
    if int(np.prod(wanted)) != total or min(wanted, default=1) < 1 or wanted[:1] != [1]:
        raise UnsupportedNodeError(
            f"{list(old)} cannot become {wanted}", "keep the batch as first axis, of size 1"
        )
    _add_reshape(node, reader, source, tuple(wanted))


@reads_op("Squeeze", "Unsqueeze")
def read_squeeze(node: Node, reader: Reader) -> None:
    """Axes of size 1 less, or more."""
    source = reader.activation(node, ordered=False)
    old = list(reader.shapes[source])
    given = reader.constant(node, 1)
    axes: Any = node.attributes.get("axes") if given is None else given.tolist()
    if node.op == "Squeeze":
        if axes is None:
            axes = [k for k, size in enumerate(old) if size == 1 and k > 0]
        dropped = {int(axis) % len(old) for axis in axes}
        if 0 in dropped or any(old[k] != 1 for k in dropped):
            raise UnsupportedNodeError(f"axes {sorted(dropped)} of {old}")
        new = [size for k, size in enumerate(old) if k not in dropped]
    else:
        rank = len(old) + len(axes)
        added = {int(axis) % rank for axis in axes}
        sizes = iter(old)
        new = [1 if k in added else next(sizes) for k in range(rank)]
    _add_reshape(node, reader, source, tuple(new))


@reads_op("Transpose")
def read_transpose(node: Node, reader: Reader) -> None:
    """Only where it moves axes of size 1: then nothing moves in memory."""
    source = reader.activation(node)
    shape = reader.shapes[source]
    order = list(node.attributes.get("perm", range(len(shape))[::-1]))
    moved = [axis for axis in order if shape[axis] > 1]
    if moved != sorted(moved) or order[0] != 0:
        raise UnsupportedNodeError(
            f"{list(shape)} by {order} moves data", "keep activations in the order N, C, H, W"
        )
    _add_reshape(node, reader, source, tuple(shape[axis] for axis in order))


def _add_reshape(node: Node, reader: Reader, source: str, new: Shape) -> None:
    """Adds a Reshape from the source's shape, both ONNX's, minding how elements are counted."""
    old = reader.orders.get(source) or reader.shapes[source]
    if new == reader.shapes[source]:
        reader.alias(node, source)
        return
    if len(new) not in (2, 4):
        raise UnsupportedNodeError(
            f"shape {list(new)}", "activations are [N, C, H, W] or [N, features]"
        )
    old_mixed, new_mixed = _is_mixed(old[-3:]), len(new) == 4 and _is_mixed(new[1:])
    if old_mixed and new_mixed:
        raise UnsupportedNodeError(f"{list(old)} as {list(new)} moves data in NHWC")
    if new_mixed:
        raise UnsupportedNodeError(f"a vector as a picture of shape {list(new)} moves data in NHWC")
    reader.add(Reshape((source,), node.output), new)
    if old_mixed:
        if len(new) != 2:
            raise UnsupportedNodeError(f"{list(old)} as {list(new)} moves data in NHWC")
        c, h, w = old[-3:]
        reader.orders[node.output] = (c, h, w)


def _is_mixed(chw: Shape) -> bool:
    """Whether (C, H, W) and (H, W, C) count elements differently."""
    return len(chw) == 3 and chw[0] > 1 and chw[1] * chw[2] > 1


def _add_affine(node: Node, reader: Reader, source: str, scale: Array, shift: Array) -> None:
    reader.add(Affine((source,), node.output, scale, shift), reader.shapes[source])


def _add_clamp(node: Node, reader: Reader, low: float, high: float) -> None:
    source = reader.activation(node, ordered=False)
    shape = reader.shapes[source]
    bounds = np.full(shape[1], low), np.full(shape[1], high)
    reader.add(Clamp((source,), node.output, *bounds), shape)
    if source in reader.orders:
        reader.orders[node.output] = reader.orders[source]


def _add_pad(reader: Reader, node: Node, source: str, padding: Padding) -> str:
    shape = reader.shapes[source]
    name = f"{node.output}/pad"
    top, left, bottom, right = padding
    size = shape[2] + top + bottom, shape[3] + left + right
    reader.add(Pad((source,), name, padding), (1, shape[1], *size))
    return name


def _is_non_negative(reader: Reader, tensor: str) -> bool:
    """Whether a tensor's values are clamped below at 0 or above it."""
    layer = next((layer for layer in reader.layers if layer.output == tensor), None)
    if isinstance(layer, Clamp):
        return bool((layer.low >= 0).all())
    if isinstance(layer, (MaxPool, AveragePool, Mean, Pad)):
        return _is_non_negative(reader, layer.inputs[0])
    return isinstance(layer, Softmax)


def _require(value: Any) -> Any:
    if value is None:
        raise UnsupportedNodeError("a constant input is missing")
    return value


def _picture_shape(reader: Reader, tensor: str) -> Shape:
    shape = reader.shapes[tensor]
    if len(shape) != 4:
        raise UnsupportedNodeError(f"an activation of shape {list(shape)}", "use [N, C, H, W]")
    return shape


def _per_channel(reader: Reader, node: Node, index: int, shape: Shape) -> Array:
    """A constant that broadcasts along all but the channels, as [C]."""
    value: Array = _require(reader.weights(node, index))
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


def _pair(node: Node, name: str) -> Pair:
    values = [int(v) for v in node.attributes.get(name, (1, 1))]
    if len(values) != 2 or min(values) < 1:
        raise UnsupportedNodeError(f"{name} {values}")
    return values[0], values[1]


def _pool_window(node: Node, reader: Reader) -> tuple[str, Shape, Pair, Pair, Padding]:
    source = reader.activation(node)
    shape = _picture_shape(reader, source)
    kernel, stride = _pair(node, "kernel_shape"), _pair(node, "strides")
    if _pair(node, "dilations") != (1, 1):
        raise UnsupportedNodeError("a dilated pool")
    padding = _padding(node, shape, kernel, stride, (1, 1))
    if node.attributes.get("ceil_mode", 0):
        top, left, bottom, right = padding
        spare = (
            (shape[2] + top + bottom - kernel[0]) % stride[0],
            (shape[3] + left + right - kernel[1]) % stride[1],
        )
        if spare != (0, 0):
            raise UnsupportedNodeError("ceil_mode", "use ceil_mode=False, or pad explicitly")
    return source, shape, kernel, stride, padding


def _padding(node: Node, shape: Shape, kernel: Pair, stride: Pair, dilation: Pair) -> Padding:
    """The node's padding in numbers."""
    mode = node.attributes.get("auto_pad", "NOTSET")
    if mode in ("SAME_UPPER", "SAME_LOWER"):
        (top, bottom), (left, right) = (
            same_padding(shape[2 + i], kernel[i], stride[i], dilation[i]) for i in (0, 1)
        )
        upper = mode == "SAME_UPPER"
        return (top, left, bottom, right) if upper else (bottom, right, top, left)
    pads = [0] * 4 if mode == "VALID" else [int(p) for p in node.attributes.get("pads", [0] * 4)]
    if len(pads) != 4 or min(pads) < 0:
        raise UnsupportedNodeError(f"padding {pads}")
    return pads[0], pads[1], pads[2], pads[3]


def _is_same(shape: Shape, kernel: Pair, stride: Pair, padding: Padding) -> bool:
    """Whether a pool's padding is none, or TFLite's SAME."""
    top, left, bottom, right = padding
    same = [same_padding(shape[2 + i], kernel[i], stride[i]) for i in (0, 1)]
    return not any(padding) or [(top, bottom), (left, right)] == same


def _window_output(
    shape: Shape, kernel: Pair, stride: Pair, dilation: Pair, padding: Padding
) -> Pair:
    """(h, w) that windows over a picture give."""
    top, left, bottom, right = padding
    height = (shape[2] + top + bottom - (kernel[0] - 1) * dilation[0] - 1) // stride[0] + 1
    width = (shape[3] + left + right - (kernel[1] - 1) * dilation[1] - 1) // stride[1] + 1
    return height, width
