"""The input of an ONNX graph: which it is, its shape, and the order of its axes."""

from __future__ import annotations

import math
from pathlib import Path

import onnx
from onnx import TensorProto, helper

from tinydeploy.errors import UnsupportedModelError, UsageError

MAX_INPUT = 1 << 24  # values; the memory of no microcontroller holds a part of it worth having


def find_input(path: Path, graph: onnx.GraphProto) -> onnx.ValueInfoProto:
    """The one input that is no weight.

    Raises:
        UnsupportedModelError: There is none, there are several, or it is not float32.
    """
    weights = {tensor.name for tensor in graph.initializer}
    inputs = [value for value in graph.input if value.name not in weights]
    if len(inputs) != 1:
        names = f" ({', '.join(value.name for value in inputs)})" if inputs else ""
        raise UnsupportedModelError(
            f"{path} has {len(inputs)} inputs{names}",
            "Export a network with one input; make what never changes a constant.",
        )
    value: onnx.ValueInfoProto = inputs[0]
    element = value.type.tensor_type.elem_type
    if element != TensorProto.FLOAT:
        known = element in TensorProto.DataType.values()
        raise UnsupportedModelError(
            f"the input '{value.name}' of {path} is "
            f"{TensorProto.DataType.Name(element) if known else 'of an unknown type'}, not FLOAT",
            "Export the float32 network without the preprocessing; that is told by --mean and "
            "--std.",
        )
    return value


def fix_shape(
    path: Path,
    value: onnx.ValueInfoProto,
    input_shape: tuple[int, ...] | None,
    *,
    channels_last: bool,
) -> tuple[int, tuple[int, ...]]:
    """Fixes the sizes that a file leaves free.

    Args:
        path: The file, for errors.
        value: The input; its shape is changed in place.
        input_shape: The user's (C, H, W), (C, steps) or (features,); None where he says nothing.
        channels_last: The file has the channels behind the other sizes.

    Returns:
        Size of the batch, 1 where it is free, and the other sizes in the file's order.

    Raises:
        UnsupportedModelError: A shape that is not possible, or sizes that nobody tells.
        UsageError: The user's shape is not that of the file.
    """
    dims = value.type.tensor_type.shape.dim
    shown = [str(d.dim_value) if d.HasField("dim_value") else d.dim_param or "?" for d in dims]
    described = f"the input '{value.name}' of {path} has the shape [{', '.join(shown)}]"
    if len(dims) not in (2, 3, 4):
        raise UnsupportedModelError(
            described,
            "Inputs are [N, C, H, W], [N, C, steps] or [N, features]: export with 1 for missing "
            "axes.",
        )
    if any(d.HasField("dim_value") and d.dim_value < 1 for d in dims):
        raise UnsupportedModelError(described, "Export it with sizes of 1 or more.")
    known = tuple(d.dim_value for d in dims[1:])  # 0 where it is free
    shape = known if input_shape is None else _apply(described, known, input_shape, channels_last)
    if not all(shape):
        raise UnsupportedModelError(
            f"{described}: only the first, the batch, may be free",
            "A microcontroller's memory is planned for one size: give it with --input-shape, "
            "channels first, for example --input-shape 3,96,96.",
        )
    if not channels_last and len(shape) == 3 and shape[0] == shape[1] > 3 == shape[2]:
        raise UnsupportedModelError(
            f"{described}: its channels seem to come last",
            "Say so with --layout nhwc, or export it as [N, C, H, W] (tf2onnx: --inputs-as-nchw).",
        )
    if math.prod(shape) > MAX_INPUT:
        raise UnsupportedModelError(described, "That is too large for a microcontroller.")
    for dim, size in zip(dims[1:], shape, strict=True):
        dim.dim_value = size
    return dims[0].dim_value or 1, shape


def _apply(
    described: str, known: tuple[int, ...], input_shape: tuple[int, ...], channels_last: bool
) -> tuple[int, ...]:
    """The user's shape in the file's order of axes."""
    wanted = (*input_shape[1:], input_shape[0]) if channels_last else input_shape
    if len(wanted) != len(known) or any(
        k not in (0, w) for k, w in zip(known, wanted, strict=True)
    ):
        order = f", channels last {list(wanted)}" if channels_last else ""
        raise UsageError(
            f"{described}, --input-shape is {','.join(map(str, input_shape))}{order}",
            "Give the sizes behind the batch, channels first, and the fixed ones as they are.",
        )
    return wanted


def takes_channels_last(graph: onnx.GraphProto, value: onnx.ValueInfoProto) -> bool:
    """Whether the first that a network does is to put its input's channels in front."""
    rank = len(value.type.tensor_type.shape.dim)
    readers = [node for node in graph.node if value.name in node.input]
    order = [0, rank - 1, *range(1, rank - 1)]
    return rank > 2 and bool(readers) and all(_permutes(node, order) for node in readers)


def _permutes(node: onnx.NodeProto, order: list[int]) -> bool:
    if node.op_type != "Transpose":
        return False
    return any(a.name == "perm" and list(a.ints) == order for a in node.attribute)


def put_channels_first(graph: onnx.GraphProto, value: onnx.ValueInfoProto) -> None:
    """Puts a Transpose before a network, so that it takes its channels first.

    Args:
        graph: Changed in place.
        value: Its input, of known sizes but the batch.
    """
    name = value.name
    dims = value.type.tensor_type.shape.dim
    sizes = [d.dim_value for d in dims[1:]]
    value.name = f"{name}/channels first"
    for dim, size in zip(dims[1:], (sizes[-1], *sizes[:-1]), strict=True):
        dim.dim_value = size
    order = [0, *range(2, len(dims)), 1]
    graph.node.insert(0, helper.make_node("Transpose", [value.name], [name], perm=order))
