"""Estimates of the instructions of a call, for choosing between schedules and kernels.

What matters is what a call costs whatever its rows, which streaming pays again and again. The
figures were counted in the emulated board.
"""

from __future__ import annotations

from tinydeploy.graph.graph import Graph
from tinydeploy.graph.op import Op
from tinydeploy.graph.ops.conv_2d import Conv2D
from tinydeploy.graph.ops.depthwise_conv_2d import DepthwiseConv2D
from tinydeploy.graph.ops.expanded_depthwise_conv_2d import ExpandedDepthwiseConv2D
from tinydeploy.graph.ops.fully_connected import FullyConnected
from tinydeploy.plan.calls import call_rows
from tinydeploy.plan.kernel import Kernel
from tinydeploy.plan.kernel_choice import conv_2d_dense, conv_2d_pair, fully_connected
from tinydeploy.plan.kernel_choice.conv_2d import GemmKernel
from tinydeploy.plan.kernel_choice.conv_2d_cost import estimate_rows
from tinydeploy.plan.kernel_choice.conv_2d_dense import DenseKernel
from tinydeploy.plan.kernel_choice.conv_2d_pair import PairKernel
from tinydeploy.plan.kernel_choice.depthwise_conv_2d import PlanarKernel
from tinydeploy.plan.kernel_choice.depthwise_conv_2d_cost import (
    estimate_instructions as estimate_planes,
)
from tinydeploy.plan.kernel_choice.expanded_depthwise_conv_2d import (
    TiledKernel,
)
from tinydeploy.plan.kernel_choice.expanded_depthwise_conv_2d import (
    estimate_instructions as estimate_tiles,
)
from tinydeploy.plan.kernel_choice.fully_connected import PackedKernel
from tinydeploy.plan.plan import Plan, Step
from tinydeploy.plan.wide_cost import estimate_wide

# A call with its arguments, and the walk to the next step.
_CALL = 30
# Cycles of an instruction beside the loops of products, fitted to what the board estimates.
_CYCLES = {"cortex-m7": 1.0, "cortex-m4": 1.7}
# Portable kernels, and what some kernels spend on an element of their largest tensor.
_PER_MAC, _PER_ELEMENT = 5, 12
_ELEMENT = {
    "add_linear_s8": 6,
    "add_s16": 62,
    "add_table_s8": 10,
    "average_pool_2d_global_s8": 2,
    "concatenation_s8": 2,
    "lookup_s8": 6,
    "max_pool_2d_s8": 5,
    "maximum_s16": 17,
    "mean_s8": 2,
    "minimum_s16": 17,
    "mul_fours_s8": 8,
    "mul_s16": 42,
    "requantize": 30,
    "requantize_linear": 17,
    "sigmoid_s16": 60,
    "softmax_s16": 150,
    "softmax_s8": 45,
}


def call_instructions(graph: Graph, op: Op, kernel: Kernel, rows: int, cpu: str = "") -> int:
    """Instructions of one call for so many rows; with a core's name, cycles of products' loops."""
    if isinstance(kernel, GemmKernel) and isinstance(op, Conv2D):
        return _CALL + _convolution(graph, op, kernel, rows, cpu)
    if isinstance(kernel, DenseKernel) and isinstance(op, Conv2D):
        return _CALL + conv_2d_dense.estimate_instructions(op)
    if isinstance(kernel, PairKernel) and isinstance(op, Conv2D):
        return _CALL + int(conv_2d_pair.estimate_rows(kernel, op, graph, rows))
    if isinstance(kernel, PlanarKernel) and isinstance(op, DepthwiseConv2D):
        return _CALL + int(estimate_planes(kernel, op, graph, rows))
    if isinstance(kernel, TiledKernel) and isinstance(op, ExpandedDepthwiseConv2D):
        return _CALL + int(estimate_tiles(kernel, op, graph, rows))
    if isinstance(kernel, PackedKernel) and isinstance(op, FullyConnected):
        vectors = op.macs(graph) // op.weights.size * rows // call_rows(graph, op, kernel)
        return _CALL + vectors * fully_connected.estimate_instructions(op, kernel)
    wide = estimate_wide(graph, op)
    if wide is not None:
        return _CALL + wide * rows // call_rows(graph, op, kernel)
    macs = op.macs(graph) * _PER_MAC
    elements = max(graph.tensors[tensor].size for tensor in (*op.inputs, *op.outputs))
    if kernel.stem in _ELEMENT:
        macs = 0
    whole = macs + _ELEMENT.get(kernel.stem, _PER_ELEMENT) * elements
    return _CALL + whole * rows // call_rows(graph, op, kernel)


def call_cycles(graph: Graph, op: Op, kernel: Kernel, rows: int, cpu: str) -> int:
    """Cycles of one call for so many rows: those of products' loops, and of what is beside them."""
    beside = _CYCLES.get(cpu, 1.0)
    if isinstance(kernel, GemmKernel) and isinstance(op, Conv2D):
        return int(beside * _CALL + _convolution(graph, op, kernel, rows, cpu, beside))
    return int(beside * call_instructions(graph, op, kernel, rows))


def _convolution(
    graph: Graph, op: Conv2D, kernel: GemmKernel, rows: int, cpu: str, beside: float = 1.0
) -> int:
    height, width, _ = op.row_shape(graph)
    if op.pool is not None:
        each = estimate_rows(kernel, op, graph, 1, cpu, beside)
        return int(rows * op.pool.stride[0] * each)
    # Chunks take rows wherever they lie, but groups of four pixels only those of one.
    apart = kernel.group > 2 and width % kernel.group and rows < height
    if apart:
        return int(rows * estimate_rows(kernel, op, graph, 1, cpu, beside))
    return int(estimate_rows(kernel, op, graph, rows, cpu, beside))


def plan_instructions(graph: Graph, plan: Plan) -> int:
    """Instructions of one inference."""
    return sum(step_instructions(graph, plan, step) for step in plan.calls)


def plan_cycles(graph: Graph, plan: Plan, cpu: str) -> int:
    """Estimated cycles of one inference, without caches and wait states.

    For MLPerf Tiny's nets, person_detect and EtinyNet within 13 % of what the emulated board
    estimates from the executed code (docs/emulator.md), within 7 % but for the smallest.
    """
    return sum(
        call_cycles(graph, graph.ops[step.op], plan.kernels[step.op], step.last - step.first, cpu)
        for step in plan.calls
    )


def step_instructions(graph: Graph, plan: Plan, step: Step) -> int:
    """Instructions of one call."""
    op, kernel = graph.ops[step.op], plan.kernels[step.op]
    return call_instructions(graph, op, kernel, step.last - step.first)
