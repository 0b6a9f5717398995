"""The kernel of a CONV_2D with little scratch: the taps of two pixels times all weights."""

from __future__ import annotations

from dataclasses import dataclass

from tinydeploy.graph.graph import Graph
from tinydeploy.graph.ops.conv_2d import Conv2D
from tinydeploy.plan.kernel import Kernel
from tinydeploy.plan.requantization import (
    is_clamped,
    requantizes_exactly,
    settle_channels,
)

# Estimated instructions, counted in the emulated board: of a call; a pair of pixels; of a pixel, a
# row of its window, 4 taps of it, and a tap where channels are no multiple of 4; of two channels of
# a pair, what bounds cost them, and 4 taps.
_CALL, _PAIR, _PIXEL, _ROW, _WORD, _TAP = 30, 50, 85, 30, 6, 9
_CHANNELS, _BOUNDS, _STEP = 52, 40, {False: 18.5, True: 14.5}
_WIDEN = 9  # 4 taps of both pixels


@dataclass(frozen=True)
class PairKernel(Kernel):
    """td_conv_2d_pair_s8.

    Args:
        depth: Taps of a pixel, padded to a multiple of 4.
        wide: Taps are widened before they are multiplied.
        clamped: Bounds are not those of int8.
    """

    depth: int = 0
    wide: bool = False
    clamped: bool = False


def list_pairs(op: Conv2D, graph: Graph) -> list[Kernel]:
    """Both forms of the kernel, where it covers the convolution."""
    op = settle_channels(op)
    _, _, channels = op.row_shape(graph)
    if channels < 2 or not requantizes_exactly(op, from_low=False):
        return []
    depth = -(-int(op.weights[0].size) // 4) * 4
    pooled = 2 * channels if op.pool is not None else 0
    return [
        PairKernel(
            "conv_2d_pair_s8",
            (4 if wide else 2) * depth + pooled,
            depth=depth,
            wide=wide,
            clamped=is_clamped(op),
        )
        for wide in (False, True)
    ]


def estimate_rows(kernel: PairKernel, op: Conv2D, graph: Graph, rows: int) -> float:
    """Instructions for some rows of the output."""
    _, width, channels = graph.tensors[op.outputs[0]].rows
    pairs = -(-rows * width // 2)
    if op.pool is not None:
        pairs = rows * op.pool.kernel[0] * width * -(-op.pool.kernel[1] // 2)
    _, _, in_channels = graph.tensors[op.inputs[0]].rows
    taps = _WORD * kernel.depth / 4 if in_channels % 4 == 0 else _TAP * kernel.depth
    gathered = 2 * (_PIXEL + _ROW * op.kernel[0] + taps)
    widened = _WIDEN * kernel.depth / 4 if kernel.wide else 0
    block = _CHANNELS + (_BOUNDS if kernel.clamped else 0) + _STEP[kernel.wide] * kernel.depth / 4
    return _CALL + pairs * (_PAIR + gathered + widened + -(-channels // 2) * block)
