"""Estimated instructions of a convolution as products of matrices.

The core loops are counted in firmware/kernels/cores/, what surrounds them was fitted to counts in
the emulated board. The sum is right within a few per cent.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from tinydeploy.graph.graph import Graph
from tinydeploy.graph.ops.conv_2d import Conv2D

if TYPE_CHECKING:
    from tinydeploy.plan.kernel_choice.conv_2d import Form, GemmKernel


@dataclass(frozen=True)
class _Step:
    """What a form of the core loop spends on 16 MACs, its share of the loop's end included."""

    instructions: float
    cycles: dict[str, float]  # by core, see tinydeploy/emulate/cycle_table.py


_STEPS: dict[Form, _Step] = {
    "single": _Step(14.13, {"cortex-m7": 8.2, "cortex-m4": 20.4}),
    "paired": _Step(11.25, {"cortex-m7": 13.4, "cortex-m4": 17.8}),
    "square": _Step(10.25, {"cortex-m7": 13.4, "cortex-m4": 18.4}),
    "direct": _Step(14.13, {"cortex-m7": 10.2, "cortex-m4": 19.4}),
}
# For the results of a turn of the core loop, which are 4 or 8, and what more they cost if they are
# not plain; for 16 widened weights; for a block of 2 or 4 channels of a chunk; for pixels that fill
# no group.
_RESULTS = {4: 38, 8: 63}
_FINISH = {"plain": 0.0, "clamped": 0.9, "sums": 35.0}
_WEIGHTS, _BLOCK, _CLAMPED_BLOCK, _TAIL = 12, {2: 138, 4: 178}, 32, 45
# A run of rows, a chunk of it. A pooled element.
_RUN, _CHUNK, _POOLED = 90, 176, 2.3
# Pixels that lie one behind the other are widened in pieces; then 16 taps at a time in each row of
# the kernel. Kernels of 3x3 over 3 channels have a loop of their own.
_PIECE, _PIECE_ROW, _TAPS, _PIXEL_ROW = 81, 49, 19, {2: 2, 4: 10}
_PIECE_OF_27, _PAIR_OF_27 = 222, 71
# A pixel whose taps are copied beforehand; of it a row of the kernel, and a word of taps.
_GATHERED, _GATHERED_ROW, _GATHERED_WORD = 84, 53, 11.7


def estimate_rows(
    kernel: GemmKernel, op: Conv2D, graph: Graph, rows: int, cpu: str = "", beside: float = 1.0
) -> float:
    """Instructions for some rows of the convolution that lie one behind the other in the result.

    Args:
        kernel: One that the convolution may run with.
        op: The convolution; where its pixels are those of its input, input rows lie so, too.
        graph: Its graph.
        rows: Of the convolution, before any pool.
        cpu: With a core's name, cycles of the core loop instead of its instructions.
        beside: What an instruction beside the core loop counts.
    """
    _, width, channels = op.row_shape(graph)
    pixels = rows * width
    chunks = -(-pixels // kernel.pixels)
    groups = -(-pixels // kernel.group)
    blocks = -(-channels // kernel.block)
    results = kernel.block * kernel.group
    step = _STEPS[kernel.form]
    loop = step.cycles.get(cpu, step.instructions) * kernel.depth * results / 16
    turn = _RESULTS[results] + _FINISH[kernel.finish] * results
    block: float = _BLOCK[kernel.block] + (_CLAMPED_BLOCK if kernel.finish == "clamped" else 0)
    if kernel.form != "direct":
        block += kernel.depth * kernel.block * _WEIGHTS / 16
    tails = pixels % kernel.group > 0
    others = (
        _RUN
        + chunks * _CHUNK
        + blocks * (groups * turn + chunks * block + tails * _TAIL * kernel.group)
        + _widen(kernel, op, graph, rows, chunks)
        + (_POOLED * pixels * channels if op.pool is not None else 0)
    )
    return blocks * groups * loop + beside * others


def _widen(kernel: GemmKernel, op: Conv2D, graph: Graph, rows: int, chunks: int) -> float:
    """Instructions for the widened pixels of all chunks of some rows."""
    height, width, _ = op.row_shape(graph)
    _, in_width, in_channels = graph.tensors[op.inputs[0]].rows
    kernel_h, kernel_w = op.kernel
    own_loop = op.kernel == (3, 3) and in_channels == 3 and kernel.group == 2
    gap = op.dilation[1] > 1 and kernel_w > 1
    first, last = _inside(op, in_width, width)
    if not own_loop and (kernel_w * in_channels % 4 or gap):
        last = first
    pixels = rows * width
    # Two neighbours are gathered at once, at the end of one row and the beginning of the next, say.
    gathered = float(rows * 2 * ((first > 0) + (last < width)) if last > first else pixels)
    if own_loop:
        gathered += rows * (last - first) * _cut_rows(op, graph) / height
    gathered = min(gathered, pixels)
    each = _GATHERED + _GATHERED_ROW * kernel_h + _GATHERED_WORD * kernel.depth / 4
    total = gathered * (each + kernel.depth * _TAPS / 16)
    inside = pixels - gathered
    if not inside:
        return total
    pieces = chunks if op.kernel == op.stride == (1, 1) else max(chunks, rows)
    if own_loop:
        return total + pieces * _PIECE_OF_27 + inside / 2 * _PAIR_OF_27
    halves = kernel.group // 2
    total += pieces * (_PIECE + _PIECE_ROW * kernel_h * halves)
    return total + inside * (kernel.depth * _TAPS / 16 + _PIXEL_ROW[kernel.group] * kernel_h)


def _inside(op: Conv2D, in_width: int, width: int) -> tuple[int, int]:
    """Pixels of a row whose windows have no padding at their sides; (0, 0) if none."""
    left, stride = op.padding[1], op.stride[1]
    first = -(-left // stride)
    last = min((in_width - op.extent[1] + left) // stride + 1, width)
    return (first, last) if first < last else (0, 0)


def _cut_rows(op: Conv2D, graph: Graph) -> int:
    """Rows whose windows have padding above or below."""
    height, _, _ = op.row_shape(graph)
    in_height, _, _ = graph.tensors[op.inputs[0]].rows
    origins = range(-op.padding[0], height * op.stride[0] - op.padding[0], op.stride[0])
    return sum(not 0 <= origin <= in_height - op.extent[0] for origin in origins)
