"""DEPTHWISE_CONV_2D as a call of td_depthwise_conv_2d_s8 or td_depthwise_conv_2d_planar_s8."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
from numpy.typing import NDArray

from tinydeploy.codegen.c_data import format_array, format_struct
from tinydeploy.codegen.layer import LayerCode, LayerContext, SharedCall
from tinydeploy.codegen.window import (
    Fields,
    channel_fields,
    emit_convolution,
    format_channels,
    window_fields,
)
from tinydeploy.graph.fixed_point import INT8_MAX, INT8_MIN
from tinydeploy.graph.ops.depthwise_conv_2d import DepthwiseConv2D
from tinydeploy.plan.kernel_choice.depthwise_conv_2d import (
    PlanarKernel,
    fit_rounding,
    fold_bias,
)
from tinydeploy.plan.requantization import settle_channels

_REPAIRED = -64  # TD_PLANAR_REPAIRED


def emit_layer(op: DepthwiseConv2D, context: LayerContext) -> LayerCode:
    """Writes the C text of a depthwise convolution."""
    if isinstance(context.kernel, PlanarKernel):
        return _emit_planar(op, context.kernel, context)
    taps = op.kernel[0] * op.kernel[1]
    fields: Fields = {**window_fields(op), "depth_multiplier": op.depth_multiplier}
    return emit_convolution(op, "depthwise_conv_2d", fields, taps, context)


def _emit_planar(op: DepthwiseConv2D, kernel: PlanarKernel, context: LayerContext) -> LayerCode:
    prefix = context.prefix
    op = settle_channels(op)
    right = fit_rounding(op)
    bounded = bool((op.low > INT8_MIN).any() or (op.high < INT8_MAX).any())
    few = op.channels < 4 * op.depth_multiplier
    bound = "td_planar_bound_few" if _channels_at_a_time(op) < 4 else "td_planar_bound"
    fields: Fields = {
        "weights": f"{prefix}_weights",
        **channel_fields(op, prefix),
        "form": f"&td_planar_{kernel.form}",
        "make": "td_planar_single" if op.depth_multiplier == 1 else "td_planar_multiples",
        "load_end": "td_planar_load_end" if few else "NULL",
        "bound": bound if bounded else "NULL",
        "repair": "NULL" if right.all() else "td_planar_repair",
        "constant_words": kernel.constant_words,
        "slots": kernel.slots,
        "band": kernel.band,
        "rows": kernel.rows,
        "columns": kernel.columns,
        "groups": kernel.groups,
        "kernel_height": op.kernel[0],
        "kernel_width": op.kernel[1],
        "stride_height": op.stride[0],
        "stride_width": op.stride[1],
        "pad_top": op.padding[0],
        "pad_left": op.padding[1],
        "depth_multiplier": op.depth_multiplier,
        "padding": op.input_zero_point,
        "output_offset": op.output_zero_point,
    }
    # By channels; the core loops may read a byte more than there is.
    weights = np.append(np.moveaxis(op.weights, op.channel_axis, 0).ravel(), np.int8(0))
    source, result = context.tensors[op.inputs[0]], context.tensors[op.outputs[0]]
    call = f"&{prefix}_op, {source}, {result}, first, last, {context.scratch}"
    loops = "planar_any" if kernel.form == "any" else "planar_3x3"
    return LayerCode(
        kernels=(kernel.stem, "cores/planar", "cores/planar_rest", f"cores/{loops}"),
        constants=format_array("int8_t", f"{prefix}_weights", weights)
        + format_channels(_with_planar_channels(op, right), prefix, "td_planar_channel"),
        parameters=format_struct("td_depthwise_conv_2d_planar", f"{prefix}_op", fields),
        call=f"td_{kernel.stem}({call});",
        shared=SharedCall(f"td_{kernel.stem}", "td_depthwise_conv_2d_planar"),
    )


def _channels_at_a_time(op: DepthwiseConv2D) -> int:
    return min(4, op.channels if op.depth_multiplier == 1 else op.depth_multiplier)


def _with_planar_channels(op: DepthwiseConv2D, right: NDArray[np.int64]) -> DepthwiseConv2D:
    """The convolution with td_planar_channel's bias and, as its shift, `right`."""
    shift = np.where(right > 0, right, _REPAIRED + op.shift)
    return replace(op, bias=fold_bias(op).astype(np.int32), shift=shift.astype(np.int32))
