"""ONNX operators that move nothing: shapes, names, and the softmax at the end.

ONNX counts the elements of a picture in the order C, H, W, TFLite in the order H, W, C.
"""

from __future__ import annotations

from typing import Any

import numpy as np

from tinydeploy.quantize.network import Reshape, Shape, Softmax
from tinydeploy.quantize.onnx_reader import Node, Reader, UnsupportedNodeError, reads_op
from tinydeploy.quantize.onnx_window import require_constant


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


@reads_op("Softmax")
def read_softmax(node: Node, reader: Reader) -> None:
    """Softmax over the channels."""
    source = reader.activation(node)
    shape = reader.shapes[source]
    axis = int(node.attributes.get("axis", -1)) % len(shape)
    if axis != 1 and not (axis == len(shape) - 1 and shape[axis] == int(np.prod(shape))):
        raise UnsupportedNodeError(f"softmax over axis {axis}", "take it over the channels")
    reader.add(Softmax((source,), node.output), shape)


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
    wanted = [int(size) for size in require_constant(reader.constant(node, 1)).ravel()]
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
