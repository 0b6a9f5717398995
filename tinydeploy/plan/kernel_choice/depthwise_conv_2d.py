"""Which kernel runs a DEPTHWISE_CONV_2D: multiplications on planes of int16, or portable C."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from tinydeploy.board import Board
from tinydeploy.graph.accumulator import output_bounds
from tinydeploy.graph.fixed_point import INT8_MAX, INT32_MAX
from tinydeploy.graph.graph import Graph
from tinydeploy.graph.ops.depthwise_conv_2d import DepthwiseConv2D
from tinydeploy.plan.kernel import Kernel, Optimize
from tinydeploy.plan.requantization import settle_channels

MAX_SCRATCH = 8192
"""Bytes of scratch that a layer may take."""

_CHANNELS = 4  # planes at a time
_ROW = 32  # bytes of a row of a group: four channels, four columns of two bytes
_ROWS = 48  # of the output whose addresses are listed at a time
_FIXED_SLOTS = {False: 8, True: 4}  # of the loops for 3x3, and of their short form
_MAX_SHIFT = 31


@dataclass(frozen=True)
class PlanarKernel(Kernel):
    """td_depthwise_conv_2d_planar_s8; fields are those of its struct.

    Args:
        form: The core loop is that of td_planar_<form>.
        constant_words: Words of constants per channel.
        slots: Input rows in planes.
        band: Output rows made of them.
        rows: Output rows whose addresses are listed at a time.
        columns: Output columns at a time.
        groups: Groups of four columns of the planes.
    """

    form: str = ""
    constant_words: int = 0
    slots: int = 0
    band: int = 0
    rows: int = 0
    columns: int = 0
    groups: int = 0


def choose_kernel(
    op: DepthwiseConv2D,
    graph: Graph,
    board: Board,
    optimize: Optimize,
    max_scratch: int = MAX_SCRATCH,
    *,
    short: bool = False,
) -> Kernel | None:
    """The kernel on planes, where it covers the op and enough of its channels.

    Args:
        op: The convolution.
        graph: Its graph.
        board: The board.
        optimize: What to prefer.
        max_scratch: Bytes of scratch.
        short: Few input rows in planes, and rows listed as few at a time as are made of those.
    """
    if op.pool is not None or op.dilation != (1, 1) or op.stride[1] > 2:
        return None
    op = settle_channels(op)
    if not sums_fit(op) or np.count_nonzero(fit_rounding(op) == 0) * 4 > op.channels:
        return None
    height, width, _ = op.row_shape(graph)
    in_height, _, _ = graph.tensors[op.inputs[0]].rows
    (kernel_h, kernel_w), (stride_h, stride_w) = op.kernel, op.stride
    fast = (kernel_h, kernel_w) == (3, 3) and stride_h == stride_w <= 2
    form = "any"
    if fast:
        # Loops of their own, which flash has no room for.
        rectified = optimize != "flash" and bool((op.low >= op.output_zero_point).all())
        form = f"3x3_stride{stride_h}{'_short' * short}{'_rectified' * rectified}"
    words = 10 if fast else 4 + 2 * kernel_h * (kernel_w // 2 + 1)

    # As many rows at a time as fit, then as many columns.
    band = (
        (_FIXED_SLOTS[short] - kernel_h) // stride_h + 1 if fast else 1 if short else min(6, height)
    )
    columns = width
    while True:
        slots = _FIXED_SLOTS[short] if fast else (band - 1) * stride_h + kernel_h
        groups = _groups(columns, kernel_w, stride_w, fast=fast)
        rows = min(height, band if short else _ROWS)
        listed = rows + min((rows - 1) * stride_h + kernel_h, in_height)
        size = groups * slots * _ROW + 4 * (groups + _CHANNELS * words + listed)
        if size <= max_scratch:
            break
        if band > 1 and not fast:
            band -= 1
        elif columns > _CHANNELS:
            columns = -(-columns // 4) * 4 - 4
        else:
            return None
    return PlanarKernel(
        "depthwise_conv_2d_planar_s8",
        size,
        form=form,
        constant_words=words,
        slots=slots,
        band=band,
        rows=rows,
        columns=columns,
        groups=groups,
    )


def list_kernels(
    op: DepthwiseConv2D, graph: Graph, board: Board, optimize: Optimize
) -> list[Kernel]:
    """Kernels with fewer columns at a time than `choose_kernel` takes, and less scratch."""
    limits = [768, 1024, 1536, 2048, 3072, 4096, 6144, MAX_SCRATCH]
    found = [choose_kernel(op, graph, board, optimize, limit) for limit in limits]
    if optimize == "ram":
        limits += [448, 512, 576, 640, 896, 1280]
        found += [choose_kernel(op, graph, board, optimize, n, short=True) for n in limits]
    return [kernel for kernel in dict.fromkeys(found) if kernel is not None]


def _groups(columns: int, kernel: int, stride: int, *, fast: bool) -> int:
    """Groups of four columns that the planes of so many outputs need."""
    words = kernel // 2 + 1
    if fast:
        needed = stride * (columns - 1) + 3
    else:
        needed = (columns - 1) // (4 // stride) * 4 + 2 * words + 2
    return -(-needed // 4)


def sums_fit(op: DepthwiseConv2D) -> bool:
    """Whether doubled sums, begun with a bias that has the zero point in it, stay in an int32."""
    weights = np.abs(_weights(op).astype(np.int64))
    return bool((np.abs(fold_bias(op)) + 256 * weights.sum(axis=1) <= INT32_MAX).all())


def fold_bias(op: DepthwiseConv2D) -> NDArray[np.int64]:
    """Twice what sums of weights times inputs begin with, zero point included; int64 [C]."""
    total = _weights(op).sum(axis=1, dtype=np.int64)
    return np.asarray(2 * (op.bias.astype(np.int64) - op.input_zero_point * total))


def fit_rounding(op: DepthwiseConv2D) -> NDArray[np.int64]:
    """The right shifts of each channel's requantization in the form of td_planar.h.

    Args:
        op: A convolution that `settle_channels` has made.

    Returns:
        int64 [C], in [1, 31], or 0 where a channel does not have that form.
    """
    low, high = output_bounds(_weights(op), op.bias, op.input_zero_point)
    magnitude = np.maximum(np.abs(low), np.abs(high))
    # Magnitude and multiplier are below 2^31: the product fits.
    largest = (magnitude * op.multiplier.astype(np.int64) >> 31) + 1
    right = np.clip(-op.shift.astype(np.int64), 0, _MAX_SHIFT)
    lift = INT8_MAX - op.high.astype(np.int64)
    addend = (2 * (op.output_zero_point + lift) + 1) << np.maximum(right - 1, 0)
    return np.where(np.abs(addend) + largest + 1 <= INT32_MAX, right, 0)


def _weights(op: DepthwiseConv2D) -> NDArray[np.int8]:
    """int8 [C, taps]."""
    return np.moveaxis(op.weights, op.channel_axis, 0).reshape(op.channels, -1)
