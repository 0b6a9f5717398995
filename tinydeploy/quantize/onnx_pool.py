"""ONNX operators over height and width without weights: pools and means."""

from __future__ import annotations

import numpy as np

from tinydeploy.quantize.network import (
    Array,
    AveragePool,
    MaxPool,
    Mean,
    Pad,
    Padding,
    Pair,
    WithConstant,
)
from tinydeploy.quantize.onnx_reader import (
    Arranged,
    Node,
    Reader,
    Source,
    UnsupportedNodeError,
    check_size,
    reads_op,
)
from tinydeploy.quantize.onnx_window import read_padding, read_pair
from tinydeploy.quantize.same_padding import same_padding


@reads_op("MaxPool", becomes="MAX_POOL_2D PADV2")
def read_max_pool(node: Node, reader: Reader) -> None:
    """Any padding, ceil_mode; no dilation."""
    source, kernel, stride, padding, size = _pool_window(node, reader)
    tensor, shape = source.tensor, (1, *size, source.shape[3])
    if any(padding) and not _is_same(source, kernel, stride, padding):
        tensor, padding = _add_pad(reader, node, source, padding, -np.inf), (0, 0, 0, 0)
    pool = MaxPool((tensor,), node.output, kernel, stride, padding)
    reader.add(pool, shape, source.view(shape))


@reads_op("AveragePool", becomes="AVERAGE_POOL_2D MEAN PAD MUL")
def read_average_pool(node: Node, reader: Reader) -> None:
    """count_include_pad both ways, ceil_mode; MEAN where one window covers all.

    Padding that does not count and is not TFLite's SAME costs a multiplication behind the pool.
    """
    source, kernel, stride, padding, size = _pool_window(node, reader)
    check_size(size)
    counts = _count_elements(node, source, kernel, stride, padding, size)
    shape = (1, *size, source.shape[3])
    inside = _count_inside(source, kernel, stride, padding, size)
    full = kernel[0] * kernel[1]
    if size == (1, 1) and (counts == source.shape[1] * source.shape[2]).all():
        reader.add(Mean((source.tensor,), node.output), shape, source.view(shape))
        return
    if not any(padding) or (
        _is_same(source, kernel, stride, padding) and np.array_equal(counts, inside)
    ):
        pool = AveragePool((source.tensor,), node.output, kernel, stride, padding)
        reader.add(pool, shape, source.view(shape))
        return
    tensor = _add_pad(reader, node, source, padding, 0.0)
    is_whole = (counts == full).all()
    name = node.output if is_whole else f"{node.output}/whole"
    pool = AveragePool((tensor,), name, kernel, stride, (0, 0, 0, 0))
    reader.add(pool, shape, source.view(shape))
    if not is_whole:
        factors = (full / counts)[None, :, :, None]
        layer = WithConstant((name,), node.output, "MUL", factors)
        reader.add(layer, shape, source.view(shape))


@reads_op("GlobalAveragePool", becomes="MEAN")
def read_global_average_pool(node: Node, reader: Reader) -> None:
    """The mean over height and width, which stay as 1."""
    source = reader.picture(node)
    shape = (1, 1, 1, source.shape[3])
    reader.add(Mean((source.tensor,), node.output), shape, source.view(shape))


@reads_op("GlobalMaxPool", becomes="MAX_POOL_2D")
def read_global_max_pool(node: Node, reader: Reader) -> None:
    """The maximum over height and width, which stay as 1."""
    source = reader.picture(node)
    shape = (1, 1, 1, source.shape[3])
    kernel = source.shape[1], source.shape[2]
    pool = MaxPool((source.tensor,), node.output, kernel, kernel, (0, 0, 0, 0))
    reader.add(pool, shape, source.view(shape))


@reads_op("ReduceMean", becomes="MEAN")
def read_reduce_mean(node: Node, reader: Reader) -> None:
    """The mean over any axes but the batch."""
    source = reader.source(node)
    given = reader.constant(node, 1)
    listed = node.attributes.get("axes") if given is None else [int(a) for a in given.ravel()]
    rank = len(source.shape)
    if not listed:
        if node.attributes.get("noop_with_empty_axes", 0):
            reader.alias(node, source)
            return
        listed = range(rank)
    arranged = reader.arrange(source)
    axes = tuple(sorted({arranged.axis(axis) for axis in listed} - {0}))
    shape = tuple(1 if axis in axes else size for axis, size in enumerate(arranged.shape))
    view = arranged.view(shape)
    if not node.attributes.get("keepdims", 1):
        for axis in sorted({axis % rank for axis in listed}, reverse=True):
            view = view.drop(axis)
    if axes:
        reader.add(Mean((arranged.tensor,), node.output, axes), shape, view)
    else:
        reader.alias(node, Source(arranged.tensor, view))


def _pool_window(node: Node, reader: Reader) -> tuple[Arranged, Pair, Pair, Padding, Pair]:
    """The picture, kernel, stride, padding as far as windows reach, and the output's size."""
    source = reader.picture(node)
    if "kernel_shape" not in node.attributes:
        raise UnsupportedNodeError("it has no kernel_shape")
    kernel = read_pair(node, "kernel_shape", source.rank)
    stride = read_pair(node, "strides", source.rank)
    if read_pair(node, "dilations", source.rank) != (1, 1):
        raise UnsupportedNodeError("a dilated pool", "use dilation=1")
    padding = read_padding(node, source.shape, kernel, stride, (1, 1), source.rank)
    top, left, bottom, right = padding
    size, behind = [], []
    for i, (before, after) in enumerate(((top, bottom), (left, right))):
        span = source.shape[1 + i] + before + after - kernel[i]
        if before >= kernel[i] or after >= kernel[i] or span < 0:
            raise UnsupportedNodeError(f"windows {list(kernel)} with padding {list(padding)}")
        count = span // stride[i] + 1
        if node.attributes.get("ceil_mode", 0):
            count = -(-span // stride[i]) + 1
            if (count - 1) * stride[i] >= source.shape[1 + i] + before:
                count -= 1  # a window must begin inside, padding behind does not count for that
        size.append(count)
        behind.append(
            max(after, (count - 1) * stride[i] + kernel[i] - source.shape[1 + i] - before)
        )
    return source, kernel, stride, (top, left, behind[0], behind[1]), (size[0], size[1])


def _count_elements(
    node: Node, source: Arranged, kernel: Pair, stride: Pair, padding: Padding, size: Pair
) -> Array:
    """By how many elements each window's sum is divided: [OH, OW]."""
    if not node.attributes.get("count_include_pad", 0):
        return _count_inside(source, kernel, stride, padding, size)
    declared = read_padding(node, source.shape, kernel, stride, (1, 1), source.rank)
    counts = []
    for i in (0, 1):
        end = source.shape[1 + i] + declared[i] + declared[2 + i]
        starts = np.arange(size[i]) * stride[i]
        counts.append(np.minimum(starts + kernel[i], end) - starts)
    return np.outer(*counts).astype(np.float64)


def _count_inside(
    source: Arranged, kernel: Pair, stride: Pair, padding: Padding, size: Pair
) -> Array:
    """How many elements of the picture each window has: [OH, OW]."""
    counts = []
    for i in (0, 1):
        starts = np.arange(size[i]) * stride[i] - padding[i]
        ends = np.minimum(starts + kernel[i], source.shape[1 + i])
        counts.append(ends - np.maximum(starts, 0))
    return np.outer(*counts).astype(np.float64)


def _add_pad(reader: Reader, node: Node, source: Arranged, padding: Padding, value: float) -> str:
    name = f"{node.output}/pad"
    top, left, bottom, right = padding
    amounts = ((0, 0), (top, bottom), (left, right), (0, 0))
    shape = tuple(n + sum(more) for n, more in zip(source.shape, amounts, strict=True))
    reader.add_layers([Pad((source.tensor,), name, amounts, value)], {name: shape})
    return name


def _is_same(source: Arranged, kernel: Pair, stride: Pair, padding: Padding) -> bool:
    """Whether a pool's padding is TFLite's SAME."""
    top, left, bottom, right = padding
    same = [same_padding(source.shape[1 + i], kernel[i], stride[i]) for i in (0, 1)]
    return [(top, bottom), (left, right)] == same
