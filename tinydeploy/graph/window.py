"""Sliding windows: output sizes, padding, and the rows that output rows read."""

from __future__ import annotations


def window_extent(kernel: int, dilation: int) -> int:
    """Number of inputs from the first to the last tap of a kernel."""
    return (kernel - 1) * dilation + 1


def window_outputs(size: int, before: int, after: int, extent: int, stride: int) -> int:
    """Number of window positions over `size` inputs padded by `before` and `after`; may be below 1."""
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
