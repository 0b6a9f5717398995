"""Estimated instructions of a depthwise convolution on planes.

The figures were fitted to counts in the emulated board, and are right within a few per cent.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from tinydeploy.graph.fixed_point import INT8_MIN
from tinydeploy.graph.graph import Graph
from tinydeploy.graph.ops.depthwise_conv_2d import DepthwiseConv2D

if TYPE_CHECKING:
    from tinydeploy.plan.kernel_choice.depthwise_conv_2d import PlanarKernel

# A call; columns that are made at a time; a band of four channels, and of one.
_CALL, _COLUMNS, _BAND, _BAND_CHANNEL = 600, 200, 45, 70
# Four columns of four channels of an input row, as planes; where they move from one band to the
# next.
_LOAD, _MOVE = 22, 6.5
# A row of a channel; an output, by the stride; what is less if no bound is below the zero point.
_ROW, _OUTPUT, _RECTIFIED = 9, {1: 14.8, 2: 16.7}, {1: 0.6, 2: 1.7}
# Lower bounds: a band of a channel, an output.
_BOUND, _BOUND_OUTPUT = 25, 1.85


def estimate_instructions(
    kernel: PlanarKernel, op: DepthwiseConv2D, graph: Graph, rows: int
) -> float:
    """Instructions of a call for some output rows that have no padding above or below.

    Args:
        kernel: One that the convolution may run with.
        op: The convolution.
        graph: Its graph.
        rows: Number of rows.
    """
    _, width, channels = op.row_shape(graph)
    in_height, in_width, in_channels = graph.tensors[op.inputs[0]].rows
    (kernel_h, kernel_w), (stride, stride_w) = op.kernel, op.stride
    fours = -(-in_channels // 4)
    blocks = -(-width // kernel.columns)
    bands = -(-rows // kernel.band)
    # Rows of which addresses are listed at a time begin with planes of their own.
    lists = -(-rows // kernel.rows)
    groups = min(kernel.groups, -(-in_width // 4))
    again = (lists - 1) * max(kernel_h - stride, 0)
    loads = groups * (min((rows - 1) * stride + kernel_h, in_height) + again)
    moved = (bands - lists) * kernel.groups * max(kernel_h - stride, 0)
    planes = fours * (bands * _BAND + loads * _LOAD + moved * _MOVE)
    output = _OUTPUT[stride_w] * kernel_h * kernel_w / 9
    output -= _RECTIFIED[stride_w] if kernel.form.endswith("rectified") else 0
    band = _BAND_CHANNEL
    if (op.low > INT8_MIN).any():
        output, band = output + _BOUND_OUTPUT, band + _BOUND
    columns = blocks * (_COLUMNS + planes + channels * (bands * band + rows * _ROW))
    return _CALL + columns + rows * width * channels * output
