"""ONNX operators that only name elements anew: nothing moves until another operator wants it to."""

from __future__ import annotations

from typing import Any

import numpy as np

from tinydeploy.quantize.network import Shape
from tinydeploy.quantize.onnx_reader import Node, Reader, Source, UnsupportedNodeError, reads_op
from tinydeploy.quantize.onnx_window import require_constant
from tinydeploy.quantize.view import View


@reads_op("Identity", "Dropout")
def read_identity(node: Node, reader: Reader) -> None:
    """Nothing at inference."""
    reader.alias(node, reader.source(node))


@reads_op("Cast")
def read_cast(node: Node, reader: Reader) -> None:
    """Nothing between types of real numbers."""
    if node.attributes.get("to") not in (1, 10, 11, 16):  # float, float16, double, bfloat16
        raise UnsupportedNodeError("a cast of an activation to integers")
    reader.alias(node, reader.source(node))


@reads_op("Flatten", becomes="RESHAPE")
def read_flatten(node: Node, reader: Reader) -> None:
    """Free in front of Gemm, whose weights are sorted; elsewhere a TRANSPOSE may be needed."""
    source = reader.source(node)
    rank = len(source.shape)
    axis = int(node.attributes.get("axis", 1))
    if not -rank <= axis <= rank:
        raise UnsupportedNodeError(f"axis {axis} of {rank}")
    axis = axis + rank if axis < 0 else axis
    sizes = int(np.prod(source.shape[:axis])), int(np.prod(source.shape[axis:]))
    _reshape(node, reader, source, sizes)


@reads_op("Reshape", becomes="RESHAPE TRANSPOSE GATHER")
def read_reshape(node: Node, reader: Reader) -> None:
    """Free where nothing moves in TFLite's order of axes.

    Reshape, Transpose, Reshape of the channels alone, a channel shuffle, becomes one GATHER.
    """
    source = reader.source(node)
    old = source.shape
    wanted = [int(size) for size in require_constant(reader.constant(node, 1)).ravel()]
    if not node.attributes.get("allowzero", 0):
        wanted = [old[k] if size == 0 and k < len(old) else size for k, size in enumerate(wanted)]
    rest = int(np.prod([size for size in wanted if size != -1]))
    total = int(np.prod(old))
    if wanted.count(-1) == 1 and rest > 0 and total % rest == 0:
        wanted[wanted.index(-1)] = total // rest
    if int(np.prod(wanted)) != total or min(wanted, default=1) < 1:
        raise UnsupportedNodeError(f"{list(old)} cannot become {wanted}")
    _reshape(node, reader, source, tuple(wanted))


@reads_op("Squeeze", "Unsqueeze", becomes="RESHAPE")
def read_squeeze(node: Node, reader: Reader) -> None:
    """Axes of size 1 less, or more."""
    source = reader.source(node)
    view = source.view
    given = reader.constant(node, 1)
    axes: Any = node.attributes.get("axes") if given is None else given.ravel().tolist()
    if node.op == "Squeeze":
        old = source.shape
        if axes is None:
            axes = [k for k, size in enumerate(old) if size == 1]
        dropped = {int(axis) % len(old) for axis in axes}
        if any(old[k] != 1 for k in dropped):
            raise UnsupportedNodeError(f"axes {sorted(dropped)} of {list(old)}")
        for axis in sorted(dropped, reverse=True):
            view = view.drop(axis)
    else:
        rank = len(source.shape) + len(axes)
        for axis in sorted(int(axis) % rank for axis in axes):
            view = view.insert(axis)
    reader.alias(node, Source(source.tensor, view))


@reads_op("Transpose", becomes="TRANSPOSE")
def read_transpose(node: Node, reader: Reader) -> None:
    """Free where the next operator wants the order that is stored anyway."""
    source = reader.source(node)
    order = [int(axis) for axis in node.attributes.get("perm", range(len(source.shape))[::-1])]
    if sorted(order) != list(range(len(source.shape))):
        raise UnsupportedNodeError(f"perm {order} of {list(source.shape)}")
    reader.alias(node, Source(source.tensor, source.view.transpose(order)))


@reads_op("DepthToSpace", "SpaceToDepth", becomes="RESHAPE TRANSPOSE")
def read_depth_to_space(node: Node, reader: Reader) -> None:
    """PixelShuffle and its inverse, both modes."""
    source = reader.source(node)
    if len(source.shape) != 4:
        raise UnsupportedNodeError(f"an activation of shape {list(source.shape)}")
    n, c, h, w = source.shape
    b = int(node.attributes.get("blocksize", 1))
    if node.op == "SpaceToDepth":
        cut: Shape = (n, c, h // b, b, w // b, b)
        order, joined = (0, 3, 5, 1, 2, 4), (n, c * b * b, h // b, w // b)
    elif node.attributes.get("mode", "DCR") == "DCR":
        cut, order = (n, b, b, c // (b * b), h, w), (0, 3, 4, 1, 5, 2)
        joined = (n, c // (b * b), h * b, w * b)
    else:
        cut, order = (n, c // (b * b), b, b, h, w), (0, 1, 4, 2, 5, 3)
        joined = (n, c // (b * b), h * b, w * b)
    if b < 1 or np.prod(cut) != n * c * h * w:
        raise UnsupportedNodeError(f"blocks of {b} in {list(source.shape)}")
    view = reshape_view(reader, source, cut).view.transpose(order)
    reader.alias(node, reshape_view(reader, Source(source.tensor, view), joined))


def reshape_view(reader: Reader, source: Source, shape: Shape) -> Source:
    """The same elements in another ONNX shape; sorted where it cuts through what is stored."""
    view = source.view.reshape(shape)
    if view is not None:
        return Source(source.tensor, view)
    # A flat run of all elements can be cut anywhere.
    flat = View(source.view.sizes, (source.view.sequence,))
    tensor = reader.arrange(Source(source.tensor, flat)).tensor
    view = View((flat.shape[0],), ((0,),)).reshape(shape)
    if view is None:
        raise UnsupportedNodeError(f"{list(source.shape)} cannot become {list(shape)}")
    return Source(tensor, view)


def _reshape(node: Node, reader: Reader, source: Source, shape: Shape) -> None:
    reader.alias(node, reshape_view(reader, source, shape))
