"""ONNX operators over height and width without weights: pools, means, padding."""

from __future__ import annotations

from tinydeploy.quantize.network import (
    AveragePool,
    Clamp,
    MaxPool,
    Mean,
    Pad,
    Padding,
    Pair,
    Shape,
    Softmax,
    same_padding,
)
from tinydeploy.quantize.onnx_reader import Node, Reader, UnsupportedNodeError, reads_op
from tinydeploy.quantize.onnx_window import picture_shape, read_padding, read_pair, window_output


@reads_op("MaxPool")
def read_max_pool(node: Node, reader: Reader) -> None:
    """MaxPool; padding that is not TFLite's SAME only where no value is negative."""
    source, shape, kernel, stride, padding = _pool_window(node, reader)
    size = window_output(shape, kernel, stride, (1, 1), padding)
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
    size = window_output(shape, kernel, stride, (1, 1), padding)
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
    shape = picture_shape(reader, source)
    reader.add(Mean((source,), node.output), (1, shape[1], 1, 1))


@reads_op("ReduceMean")
def read_reduce_mean(node: Node, reader: Reader) -> None:
    """The mean over height and width."""
    source = reader.activation(node)
    shape = picture_shape(reader, source)
    axes = reader.constant(node, 1)
    listed = node.attributes.get("axes", range(4)) if axes is None else axes.tolist()
    if sorted(axis % 4 for axis in listed) != [2, 3]:
        raise UnsupportedNodeError(f"a mean over the axes {list(listed)}", "average over H and W")
    keep = node.attributes.get("keepdims", 1)
    reader.add(Mean((source,), node.output), (1, shape[1], 1, 1) if keep else (1, shape[1]))


@reads_op("Pad")
def read_pad(node: Node, reader: Reader) -> None:
    """Zeros around height and width."""
    source = reader.activation(node)
    shape = picture_shape(reader, source)
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


def _pool_window(node: Node, reader: Reader) -> tuple[str, Shape, Pair, Pair, Padding]:
    source = reader.activation(node)
    shape = picture_shape(reader, source)
    kernel, stride = read_pair(node, "kernel_shape"), read_pair(node, "strides")
    if read_pair(node, "dilations") != (1, 1):
        raise UnsupportedNodeError("a dilated pool")
    padding = read_padding(node, shape, kernel, stride, (1, 1))
    if node.attributes.get("ceil_mode", 0):
        top, left, bottom, right = padding
        spare = (
            (shape[2] + top + bottom - kernel[0]) % stride[0],
            (shape[3] + left + right - kernel[1]) % stride[1],
        )
        if spare != (0, 0):
            raise UnsupportedNodeError("ceil_mode", "use ceil_mode=False, or pad explicitly")
    return source, shape, kernel, stride, padding


def _is_same(shape: Shape, kernel: Pair, stride: Pair, padding: Padding) -> bool:
    """Whether a pool's padding is none, or TFLite's SAME."""
    top, left, bottom, right = padding
    same = [same_padding(shape[2 + i], kernel[i], stride[i]) for i in (0, 1)]
    return not any(padding) or [(top, bottom), (left, right)] == same
