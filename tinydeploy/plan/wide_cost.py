"""Estimates of the instructions of layers of int16 activations that depend on windows and weights.

The figures were counted in the emulated board; they are rounded up, so that a plan with int16 takes
no more than it promises.
"""

from __future__ import annotations

from tinydeploy.graph.graph import Graph
from tinydeploy.graph.op import Op
from tinydeploy.graph.ops.conv_2d_wide import Conv2DWide
from tinydeploy.graph.ops.depthwise_conv_2d_wide import DepthwiseConv2DWide
from tinydeploy.graph.ops.fully_connected_wide import FullyConnectedWide
from tinydeploy.graph.ops.pool_2d_wide import Pool2DWide
from tinydeploy.graph.ops.reduce_wide import ReduceWide
from tinydeploy.graph.windowed import Windowed

_OUTPUT, _KERNEL_ROW, _PRODUCT = 75, 48, 2.25
_PIXEL, _DEPTHWISE_OUTPUT, _TAP, _SINGLE_TAP = 60, 68, 5.8, 14
_UNIT, _UNIT_PRODUCT = 165, 2.55
_POOLED_TAP = 16
_REDUCED, _SUMMAND = 120, 45


def estimate_wide(graph: Graph, op: Op) -> int | None:
    """Instructions of all of a layer; None where it is another kind of layer."""
    size = graph.tensors[op.outputs[0]].size
    if isinstance(op, Conv2DWide):
        rows, columns = _taps_inside(graph, op)
        products = rows * columns * op.weights.shape[3]
        return int(size * (_OUTPUT + _KERNEL_ROW * rows + _PRODUCT * products))
    if isinstance(op, DepthwiseConv2DWide):
        rows, columns = _taps_inside(graph, op)
        tap = _TAP if op.depth_multiplier == 1 else _SINGLE_TAP
        each = _DEPTHWISE_OUTPUT + tap * rows * columns + _PIXEL / op.channels
        return int(size * each)
    if isinstance(op, FullyConnectedWide):
        return int(size * (_UNIT + _UNIT_PRODUCT * op.depth))
    if isinstance(op, Pool2DWide):
        return _POOLED_TAP * size * op.kernel[0] * op.kernel[1]
    if isinstance(op, ReduceWide):
        return size * (_REDUCED + _SUMMAND * op.count)
    return None


def _taps_inside(graph: Graph, op: Windowed) -> tuple[float, float]:
    """Rows and columns of a window that lie inside of the input, on average."""
    source, made = graph.tensors[op.inputs[0]].rows, op.row_shape(graph)
    rows, columns = (
        sum(
            0 <= place * op.stride[axis] + tap * op.dilation[axis] - op.padding[axis] < source[axis]
            for place in range(made[axis])
            for tap in range(op.kernel[axis])
        )
        / made[axis]
        for axis in (0, 1)
    )
    return rows, columns
