"""What is common to ONNX operators with windows: attributes, padding, sizes.

Windows over [N, C, L] are windows of height 1.
"""

from __future__ import annotations

from typing import Any

from tinydeploy.quantize.network import Padding, Pair, Shape
from tinydeploy.quantize.onnx_reader import Node, UnsupportedNodeError
from tinydeploy.quantize.same_padding import same_padding


def read_pair(node: Node, name: str, rank: int = 4) -> Pair:
    """An attribute for height and width, (1, 1) where it is left out."""
    values = [int(v) for v in node.attributes.get(name, (1,) * (rank - 2))]
    if len(values) != rank - 2 or min(values) < 1:
        raise UnsupportedNodeError(f"{name} {values}")
    return (1, values[0]) if rank == 3 else (values[0], values[1])


def read_padding(
    node: Node, shape: Shape, kernel: Pair, stride: Pair, dilation: Pair, rank: int = 4
) -> Padding:
    """The node's padding in numbers.

    Args:
        node: Has `auto_pad` or `pads`.
        shape: The input's, stored: [1, H, W, C].
        kernel: (h, w).
        stride: (h, w).
        dilation: (h, w).
        rank: Of the input in ONNX.
    """
    mode = node.attributes.get("auto_pad", "NOTSET")
    if mode in ("SAME_UPPER", "SAME_LOWER"):
        (top, bottom), (left, right) = (
            same_padding(shape[1 + i], kernel[i], stride[i], dilation[i]) for i in (0, 1)
        )
        upper = mode == "SAME_UPPER"
        return (top, left, bottom, right) if upper else (bottom, right, top, left)
    none = [0] * (2 * rank - 4)
    pads = none if mode == "VALID" else [int(p) for p in node.attributes.get("pads", none)]
    if len(pads) != len(none) or min(pads) < 0:
        raise UnsupportedNodeError(f"padding {pads}")
    return (0, pads[0], 0, pads[1]) if rank == 3 else (pads[0], pads[1], pads[2], pads[3])


def window_output(
    shape: Shape, kernel: Pair, stride: Pair, dilation: Pair, padding: Padding
) -> Pair:
    """(h, w) that windows over a stored picture give."""
    top, left, bottom, right = padding
    height = (shape[1] + top + bottom - (kernel[0] - 1) * dilation[0] - 1) // stride[0] + 1
    width = (shape[2] + left + right - (kernel[1] - 1) * dilation[1] - 1) // stride[1] + 1
    return height, width


def require_constant(value: Any) -> Any:
    """A constant that must not be left out."""
    if value is None:
        raise UnsupportedNodeError("a constant input is missing")
    return value
