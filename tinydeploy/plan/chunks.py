"""Convolutions as products of matrices with more and fewer pixels in a chunk."""

from __future__ import annotations

from dataclasses import replace
from typing import get_args

from tinydeploy.board import Board
from tinydeploy.graph.graph import Graph
from tinydeploy.graph.ops.conv_2d import Conv2D
from tinydeploy.plan.kernel import Kernel, Optimize
from tinydeploy.plan.kernel_choice import conv_2d
from tinydeploy.plan.kernel_choice.conv_2d import Form, GemmKernel, estimate_instructions

_MOST_SCRATCH: dict[Optimize, int] = {"speed": 24576, "balanced": 8192, "ram": 8192, "flash": 8192}
_COUNTS = (4, 8, 12, 16, 24, 32, 48, 64)
_MOST_PIXELS = 64


def list_chunks(op: Conv2D, graph: Graph, board: Board, optimize: Optimize) -> list[Kernel]:
    """Kernels for rows of chunks of several sizes: more pixels, more scratch, fewer instructions.

    For each number of pixels there is the form of fewest cycles among those of at most one
    instruction per MAC, as where a kernel is chosen without regard to a schedule; and the one of
    least scratch.
    """
    best = conv_2d.choose_kernel(op, graph, board, optimize)
    if not isinstance(best, GemmKernel):
        return []
    height, width, _ = op.row_shape(graph)
    rows = 1 if op.pool is not None else height
    most = min(rows * width, _MOST_PIXELS)
    counts = {*_COUNTS, *(width * count for count in range(1, rows + 1))}
    kernels: list[GemmKernel] = [best]
    for pixels in sorted({-(-min(count, most) // 4) * 4 for count in counts}):
        found = [_with_pixels(kernel, pixels) for kernel in _every_form(op, graph, best)]
        kernels.append(min(found, key=lambda kernel: _rank(op, kernel, pixels, board.cpu)))
        kernels.append(min(found, key=lambda kernel: kernel.scratch_bytes))
    return [kernel for kernel in kernels if kernel.scratch_bytes <= _MOST_SCRATCH[optimize]]


def _every_form(op: Conv2D, graph: Graph, best: GemmKernel) -> list[GemmKernel]:
    forms: tuple[Form, ...] = get_args(Form) if best.finish != "sums" else (best.form,)
    return [conv_2d.make_kernel(op, graph, form, best.finish, 0) for form in forms]


def _with_pixels(kernel: GemmKernel, pixels: int) -> GemmKernel:
    """The same kernel with chunks of so many pixels."""
    each = 2 * kernel.depth + (16 if kernel.finish == "sums" else 4)
    scratch = kernel.scratch_bytes + each * (pixels - kernel.pixels)
    return replace(kernel, pixels=pixels, scratch_bytes=scratch)


def _rank(op: Conv2D, kernel: GemmKernel, pixels: int, cpu: str) -> tuple[bool, float]:
    instructions = estimate_instructions(kernel, op, pixels)
    if instructions > pixels * op.weights.size:
        return True, instructions
    return False, estimate_instructions(kernel, op, pixels, cpu)
