"""DEPTHWISE_CONV_2D of int16 as a call of td_depthwise_conv_2d_s16."""

from __future__ import annotations

from tinydeploy.codegen.layer import LayerCode, LayerContext
from tinydeploy.codegen.wide import emit_wide_convolution
from tinydeploy.graph.ops.depthwise_conv_2d_wide import DepthwiseConv2DWide


def emit_layer(op: DepthwiseConv2DWide, context: LayerContext) -> LayerCode:
    """Writes the C text of a depthwise convolution."""
    fields: dict[str, int | str] = {"depth_multiplier": op.depth_multiplier}
    return emit_wide_convolution(op, "depthwise_conv_2d", op.weights, fields, context)
