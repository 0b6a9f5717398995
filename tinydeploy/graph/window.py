"""Sliding windows: output sizes, padding, and the rows that output rows read."""

from __future__ import annotations

from tinydeploy.graph.node import Node

_EDGES = ("Top", "Left", "Bottom", "Right")


def window_extent(kernel: int, dilation: int) -> int:
    """Number of inputs from the first to the last tap of a kernel."""
    return (kernel - 1) * dilation + 1


def window_outputs(size: int, before: int, after: int, extent: int, stride: int) -> int:
    """Number of window positions over `size` inputs and their padding; may be below 1."""
    return (size + before + after - extent) // stride + 1


def window_padding(padding: str, size: int, extent: int, stride: int) -> tuple[int, int]:
    """Padding in one dimension as TFLite's ComputePaddingHeightWidth places it.

    Args:
        padding: "SAME" or "VALID".
        size: Inputs in this dimension.
        extent: Extent of the window.
        stride: Step of the window.

    Returns:
        (before, after); the odd one of SAME goes behind.
    """
    if padding == "VALID":
        return 0, 0
    outputs = -(-size // stride)
    total = max(0, (outputs - 1) * stride + extent - size)
    return total // 2, total - total // 2


def window_rows(first: int, last: int, before: int, extent: int, stride: int) -> tuple[int, int]:
    """Inputs that outputs [first, last) read, half-open and unclipped: below 0 lies padding."""
    return first * stride - before, (last - 1) * stride - before + extent


def paddings(
    node: Node, extent: tuple[int, int], stride: tuple[int, int]
) -> tuple[int, int, int, int]:
    """The padding (top, left, bottom, right) of an operator with a window over its NHWC input.

    In place of SAME or VALID an operator may have numbers (see dilation.py).
    """
    if "PadTop" in node.options:
        top, left, bottom, right = (node.option(f"Pad{d}") for d in _EDGES)
        return top, left, bottom, right
    _, height, width, _ = node.input(0).shape
    top, bottom = window_padding(node.padding, height, extent[0], stride[0])
    left, right = window_padding(node.padding, width, extent[1], stride[1])
    return top, left, bottom, right


def windowed_shape(node: Node, extent: tuple[int, int], channels: int) -> tuple[int, ...]:
    """The shape that the output of an operator with a window over its NHWC input must have."""
    stride = node.option("StrideH"), node.option("StrideW")
    _, height, width, _ = node.input(0).shape
    top, left, bottom, right = paddings(node, extent, stride)
    return (
        1,
        window_outputs(height, top, bottom, extent[0], stride[0]),
        window_outputs(width, left, right, extent[1], stride[1]),
        channels,
    )
