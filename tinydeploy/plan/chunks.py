"""Convolutions as products of matrices with more and fewer pixels in a chunk."""

from __future__ import annotations

from tinydeploy.board import Board
from tinydeploy.graph.graph import Graph
from tinydeploy.graph.ops.conv_2d import Conv2D
from tinydeploy.plan.kernel import Kernel, Optimize
from tinydeploy.plan.kernel_choice import conv_2d
from tinydeploy.plan.kernel_choice.conv_2d import Form, GemmKernel

_MOST_SCRATCH: dict[Optimize, int] = {"speed": 24576, "balanced": 24576, "ram": 8192, "flash": 8192}
_COUNTS = (2, 4, 8, 12, 16, 24, 32, 48, 64)
_MOST_PIXELS = 64


def list_chunks(op: Conv2D, graph: Graph, board: Board, optimize: Optimize) -> list[Kernel]:
    """Kernels for rows of chunks of several sizes: more pixels, more scratch, fewer instructions.

    For each number of pixels there is every form of the core loop.
    """
    best = conv_2d.choose_kernel(op, graph, board, optimize)
    if not isinstance(best, GemmKernel):
        return []
    height, width, _ = op.row_shape(graph)
    rows = 1 if op.pool is not None else height
    most = min(rows * width, _MOST_PIXELS)
    counts = {*_COUNTS, *(width * count for count in range(1, rows + 1))}
    counts |= {-(-width // chunks) for chunks in range(2, 9)}
    forms = conv_2d.list_forms(op, best.finish, optimize)
    kernels = [
        conv_2d.with_pixels(op, graph, form, best.finish, pixels)
        for form in forms
        for pixels in sorted({round_to_group(min(count, most), form) for count in counts})
    ]
    return [best, *(k for k in kernels if k.scratch_bytes <= _MOST_SCRATCH[optimize])]


def round_to_group(pixels: int, form: Form) -> int:
    """The next multiple of what the form makes at a time."""
    group = conv_2d.group_of(form)
    return -(-pixels // group) * group
