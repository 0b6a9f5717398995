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
from tinydeploy.plan.kernel_choice.conv_2d import GemmKernel
from tinydeploy.plan.kernel_choice.conv_2d_cost import estimate_rows
from tinydeploy.plan.kernel_choice.depthwise_conv_2d import PlanarKernel
from tinydeploy.plan.kernel_choice.depthwise_conv_2d_cost import (
    estimate_instructions as estimate_planes,
)
from tinydeploy.plan.kernel_choice.fully_connected import PackedKernel
from tinydeploy.plan.plan import Plan, Step, count_runs

# Widest rows, in pixels, that are kept together for a product of matrices, which then widens its
# weights once for several; they cost little per pixel of wider ones.
MOST_WIDTH = 8

# A call with its arguments, and the walk to the next step.
_CALL = 30
# Portable kernels, and what some kernels spend on an element of their largest tensor.
_PER_MAC, _PER_ELEMENT = 5, 12
_ELEMENT = {
    "add_linear_s8": 6,
    "add_table_s8": 10,
    "average_pool_2d_global_s8": 2,
    "lookup_s8": 6,
    "mean_s8": 2,
    "mul_fours_s8": 8,
    "softmax_s8": 45,
}


def call_instructions(graph: Graph, op: Op, kernel: Kernel, rows: int) -> int:
    """Instructions of one call for so many rows."""
    if isinstance(kernel, GemmKernel) and isinstance(op, Conv2D):
        return _CALL + _convolution(graph, op, kernel, rows)
    if isinstance(kernel, PlanarKernel) and isinstance(op, DepthwiseConv2D):
        return _CALL + int(estimate_planes(kernel, op, graph, rows))
    if isinstance(kernel, PackedKernel) and isinstance(op, FullyConnected):
        vectors = op.macs(graph) // op.weights.size * rows // call_rows(graph, op, kernel)
        return _CALL + vectors * fully_connected.estimate_instructions(op, kernel)
    macs = op.macs(graph) * _PER_MAC
    elements = max(graph.tensors[tensor].size for tensor in (*op.inputs, *op.outputs))
    if kernel.stem in _ELEMENT:
        macs = 0
    whole = macs + _ELEMENT.get(kernel.stem, _PER_ELEMENT) * elements
    return _CALL + whole * rows // call_rows(graph, op, kernel)


def _convolution(graph: Graph, op: Conv2D, kernel: GemmKernel, rows: int) -> int:
    height, width, _ = op.row_shape(graph)
    if op.pool is not None:
        return int(rows * op.pool.stride[0] * estimate_rows(kernel, op, graph, 1))
    # Rows of streaming calls lie together where they are short.
    joined = rows == height or width <= MOST_WIDTH
    return _convolve_runs(graph, op, kernel, (rows,) if joined else (1,) * rows)


def _convolve_runs(graph: Graph, op: Conv2D, kernel: GemmKernel, runs: Sequence[int]) -> int:
    """Instructions for runs of rows that lie one behind the other, without a pool."""
    return int(sum(runs.count(rows) * estimate_rows(kernel, op, graph, rows) for rows in set(runs)))


def plan_instructions(graph: Graph, plan: Plan) -> int:
    """Instructions of one inference, for rows where the plan puts them."""
    return sum(step_instructions(graph, plan, step) for step in plan.calls)


def step_instructions(graph: Graph, plan: Plan, step: Step) -> int:
    """Instructions of one call, for rows where the plan puts them."""
    op, kernel = graph.ops[step.op], plan.kernels[step.op]
    if not isinstance(kernel, GemmKernel) or not isinstance(op, Conv2D) or op.pool is not None:
        return call_instructions(graph, op, kernel, step.last - step.first)
    runs = count_runs(plan.rows[op.outputs[0]], step.first, step.last)
    if op.kernel == op.stride == (1, 1):
        inputs = count_runs(plan.rows[op.inputs[0]], step.first, step.last)
        runs = max(runs, inputs, key=len)
    return _CALL + _convolve_runs(graph, op, kernel, runs)
