"""Which kernel runs a CONV_2D: products of matrices over widened taps, or portable C."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

from tinydeploy.board import Board
from tinydeploy.graph.graph import Graph
from tinydeploy.graph.ops.conv_2d import Conv2D
from tinydeploy.plan.kernel import Kernel, Optimize
from tinydeploy.plan.requantization import (
    is_clamped,
    requantizes_exactly,
    settle_channels,
    sums_fit_doubled,
)

# Bytes of scratch that a layer may take.
_SCRATCH = {"balanced": 8192, "speed": 24576, "ram": 4096, "flash": 8192}
_MAX_PIXELS = 64  # beyond, widening the weights costs next to nothing per pixel


@dataclass(frozen=True)
class GemmKernel(Kernel):
    """A convolution as products of matrices.

    Args:
        depth: Taps of a pixel, padded to a multiple of 4.
        pixels: Pixels of a chunk, even.
        form: How the core loop fetches words.
        finish: What the core loop does with its sums; see td_conv_2d_gemm.h.
    """

    depth: int = 0
    pixels: int = 0
    form: Literal["paired", "single"] = "paired"
    finish: Literal["plain", "clamped", "sums"] = "plain"


def choose_kernel(op: Conv2D, graph: Graph, board: Board, optimize: Optimize) -> Kernel | None:
    """The kernel for a convolution; None where sums do not fit doubled, or scratch does not."""
    op = settle_channels(op)
    if not sums_fit_doubled(op):
        return None
    finish: Literal["plain", "clamped", "sums"] = "sums"
    if requantizes_exactly(op):
        finish = "clamped" if is_clamped(op) else "plain"
    taps = op.weights[0].size
    depth = -(-taps // 4) * 4
    height, width, channels = op.row_shape(graph)
    wanted = width if op.pool is not None else height * width
    pixels = min(_round_up_even(wanted), _MAX_PIXELS)
    fixed = 8 * depth + 16 + 2 * depth + (width * channels if op.pool is not None else 0)
    each = 2 * depth + (16 if finish == "sums" else 4)
    pixels = max(2, min(pixels, (_SCRATCH[optimize] - fixed) // each // 2 * 2))
    single = board.cpu == "cortex-m7" and finish != "sums" and _few_instructions(op, depth, pixels)
    return GemmKernel(
        "conv_2d_gemm_s8",
        fixed + each * pixels,
        depth=depth,
        pixels=pixels,
        form="single" if single else "paired",
        finish=finish,
    )


def _round_up_even(count: int) -> int:
    return count + count % 2


def _few_instructions(op: Conv2D, depth: int, pixels: int) -> bool:
    """Whether single loads keep the layer at or below one instruction per MAC.

    Per MAC: 14 instructions in 16 and the loop's own; 62 per 8 results; 12 per 16 weights of every
    chunk; 19 per 16 taps, for all output channels together.
    """
    loop = 14.375 / 16
    results = 62 / 8 / depth
    weights = 12 / 16 / pixels
    taps = 19 / 16 / op.channels
    return (loop + results + weights + taps) * depth / op.weights[0].size <= 1.0
