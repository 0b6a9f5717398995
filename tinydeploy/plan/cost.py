"""Estimates of the instructions of a call, for choosing between schedules and kernels.

What matters is what a call costs whatever its rows, which streaming pays again and again. The
figures were counted in the emulated board.
"""

from __future__ import annotations

from collections.abc import Sequence

from tinydeploy.graph.graph import Graph
from tinydeploy.graph.op import Op
from tinydeploy.graph.ops.conv_2d import Conv2D
from tinydeploy.graph.ops.depthwise_conv_2d import DepthwiseConv2D
from tinydeploy.graph.ops.fully_connected import FullyConnected
from tinydeploy.plan.calls import call_rows
from tinydeploy.plan.kernel import Kernel
from tinydeploy.plan.kernel_choice import fully_connected
from tinydeploy.plan.kernel_choice.conv_2d import GemmKernel, estimate_instructions
from tinydeploy.plan.kernel_choice.depthwise_conv_2d import PlanarKernel
from tinydeploy.plan.kernel_choice.fully_connected import PackedKernel
from tinydeploy.plan.plan import Plan, Step, count_runs

# Widest rows, in pixels, that are kept together for a product of matrices, which then widens its
# weights once for several; they cost little per pixel of wider ones.
MOST_WIDTH = 8

# A call with its arguments, the set-up of a kernel, and the walk to the next step.
_CALL = 150
# Portable kernels.
_PER_MAC, _PER_OUTPUT = 5, 12
# Depthwise on planes: each channel of a call; each element of an input row that neighbouring calls
# both bring into planes; an output; each channel of a row, and of a further block of columns.
_CHANNEL, _TRANSPOSED, _OUTPUT, _CHANNEL_ROW, _CHANNEL_BLOCK = 80, 1.6, 15.5, 8, 40


def call_instructions(graph: Graph, op: Op, kernel: Kernel, rows: int) -> int:
    """Instructions of one call for so many rows."""
    if isinstance(kernel, GemmKernel) and isinstance(op, Conv2D):
        return _CALL + _convolution(graph, op, kernel, rows)
    if isinstance(kernel, PlanarKernel) and isinstance(op, DepthwiseConv2D):
        return _CALL + _depthwise(graph, op, kernel, rows)
    if isinstance(kernel, PackedKernel) and isinstance(op, FullyConnected):
        vectors = op.macs(graph) // op.weights.size * rows // call_rows(graph, op, kernel)
        return _CALL + vectors * fully_connected.estimate_instructions(op, kernel)
    macs = op.macs(graph) * _PER_MAC
    elements = max(graph.tensors[tensor].size for tensor in (*op.inputs, *op.outputs))
    whole = macs + _PER_OUTPUT * elements
    return _CALL + whole * rows // call_rows(graph, op, kernel)


def _convolution(graph: Graph, op: Conv2D, kernel: GemmKernel, rows: int) -> int:
    height, width, channels = op.row_shape(graph)
    if op.pool is None:
        # Rows of streaming calls lie together where they are short.
        joined = rows == height or width <= MOST_WIDTH
        runs = (rows,) if joined else (1,) * rows
        return convolution_instructions(graph, op, kernel, runs)
    each = estimate_instructions(kernel, op, width) + _PER_OUTPUT * width * channels // 2
    return int(rows * op.pool.stride[0] * each)


def convolution_instructions(
    graph: Graph, op: Conv2D, kernel: GemmKernel, runs: Sequence[int]
) -> int:
    """Instructions for runs of rows that lie one behind the other, without a pool."""
    width = op.row_shape(graph)[1]
    return int(sum(estimate_instructions(kernel, op, run * width) for run in runs))


def _depthwise(graph: Graph, op: DepthwiseConv2D, kernel: PlanarKernel, rows: int) -> int:
    _, width, channels = graph.tensors[op.outputs[0]].rows
    _, in_width, in_channels = graph.tensors[op.inputs[0]].rows
    overlap = max(op.extent[0] - op.stride[0], 0)
    blocks = -(-width // kernel.columns)
    steps = 1 + 0.4 * (op.stride[0] > 1)
    fixed = (_CHANNEL + _CHANNEL_BLOCK * (blocks - 1)) * channels
    fixed += int(_TRANSPOSED * overlap * in_width * in_channels)
    taps = op.kernel[0] * op.kernel[1] / 9
    row = _OUTPUT * steps * taps * width * channels + _CHANNEL_ROW * blocks * channels
    return int(fixed + rows * row)


def plan_instructions(graph: Graph, plan: Plan) -> int:
    """Instructions of one inference, for rows where the plan puts them."""
    return sum(step_instructions(graph, plan, step) for step in plan.calls)


def step_instructions(graph: Graph, plan: Plan, step: Step) -> int:
    """Instructions of one call, for rows where the plan puts them."""
    op, kernel = graph.ops[step.op], plan.kernels[step.op]
    if isinstance(kernel, GemmKernel) and isinstance(op, Conv2D) and op.pool is None:
        runs = count_runs(plan.rows[op.outputs[0]], step.first, step.last)
        if op.kernel == op.stride == (1, 1):
            inputs = count_runs(plan.rows[op.inputs[0]], step.first, step.last)
            runs = max(runs, inputs, key=len)
        return _CALL + convolution_instructions(graph, op, kernel, runs)
    return call_instructions(graph, op, kernel, step.last - step.first)
