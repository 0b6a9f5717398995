"""What is common to ONNX operators with windows: attributes, padding, sizes."""

from __future__ import annotations

from typing import Any

from tinydeploy.quantize.network import Padding, Pair, Shape, same_padding
from tinydeploy.quantize.onnx_reader import Node, Reader, UnsupportedNodeError


def picture_shape(reader: Reader, tensor: str) -> Shape:
    """The shape of an activation that has height and width."""
    shape = reader.shapes[tensor]
    if len(shape) != 4:
        raise UnsupportedNodeError(f"an activation of shape {list(shape)}", "use [N, C, H, W]")
    return shape


def read_pair(node: Node, name: str) -> Pair:
    """An attribute for height and width, (1, 1) where it is left out."""
    values = [int(v) for v in node.attributes.get(name, (1, 1))]
    if len(values) != 2 or min(values) < 1:
        raise UnsupportedNodeError(f"{name} {values}")
    return values[0], values[1]


def read_padding(node: Node, shape: Shape, kernel: Pair, stride: Pair, dilation: Pair) -> Padding:
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


def window_output(
    shape: Shape, kernel: Pair, stride: Pair, dilation: Pair, padding: Padding
) -> Pair:
    """(h, w) that windows over a picture give."""
    top, left, bottom, right = padding
    height = (shape[2] + top + bottom - (kernel[0] - 1) * dilation[0] - 1) // stride[0] + 1
    width = (shape[3] + left + right - (kernel[1] - 1) * dilation[1] - 1) // stride[1] + 1
    return height, width


def require_constant(value: Any) -> Any:
    """A constant that must not be left out."""
    if value is None:
        raise UnsupportedNodeError("a constant input is missing")
    return value
