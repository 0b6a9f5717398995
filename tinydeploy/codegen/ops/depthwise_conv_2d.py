"""DEPTHWISE_CONV_2D as a call of td_depthwise_conv_2d_s8."""

from __future__ import annotations

from tinydeploy.codegen.layer import LayerCode, LayerContext
from tinydeploy.codegen.window import emit_convolution
from tinydeploy.graph.ops.depthwise_conv_2d import DepthwiseConv2D


def emit_layer(op: DepthwiseConv2D, context: LayerContext) -> LayerCode:
    """Writes the C text of a depthwise convolution."""
    taps = op.kernel[0] * op.kernel[1]
    fields: dict[str, int | str] = {"depth_multiplier": op.depth_multiplier}
    return emit_convolution(op, "depthwise_conv_2d", fields, taps, context)
