"""Estimates of a kernel's instructions, for choosing between schedules.

Only two figures matter there: what a call costs whatever its rows, which streaming pays again and
again, and its share in the whole. The factors were counted in the emulated board.
"""

from __future__ import annotations

from tinydeploy.graph.graph import Graph
from tinydeploy.graph.op import Op
from tinydeploy.graph.ops.conv_2d import Conv2D
from tinydeploy.graph.ops.depthwise_conv_2d import DepthwiseConv2D
from tinydeploy.plan.kernel import Kernel

# Call, arguments, set-up, and the walk to the next step of the schedule.
_CALL = 120
# Widening a weight to 16 bits; done once per call.
_WIDEN = 0.8
# Widening an element of the rows that the call before has widened already.
_TRANSPOSE = 1.5
_PER_MAC = {Conv2D: 0.8, DepthwiseConv2D: 2.0}
_PER_OUTPUT = 8


def call_cost(graph: Graph, op: Op, kernel: Kernel) -> int:
    """Instructions of one call, whatever its rows."""
    if kernel.stem == f"{type(op).__module__.rpartition('.')[2]}_s8":
        return _CALL
    if isinstance(op, Conv2D):
        return _CALL + int(_WIDEN * op.weights.size)
    if isinstance(op, DepthwiseConv2D):
        _, width, channels = graph.tensors[op.inputs[0]].rows
        overlap = max(op.extent[0] - op.stride[0], 0)
        return _CALL + int(_TRANSPOSE * overlap * width * channels)
    return _CALL


def row_cost(graph: Graph, op: Op, kernel: Kernel) -> int:
    """Instructions of one row of a call."""
    rows = graph.tensors[op.inputs[0] if kernel.accumulates else op.outputs[0]].rows[0]
    elements = max(graph.tensors[tensor].size for tensor in (*op.inputs, *op.outputs))
    macs = int(op.macs(graph) * _PER_MAC.get(type(op), 1.0))
    return (macs + _PER_OUTPUT * elements) // rows
