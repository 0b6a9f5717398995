"""CONV_2D of int16 as a call of td_conv_2d_s16."""

from __future__ import annotations

from tinydeploy.codegen.layer import LayerCode, LayerContext
from tinydeploy.codegen.wide import emit_wide_convolution, pair_weights
from tinydeploy.graph.ops.conv_2d_wide import Conv2DWide


def emit_layer(op: Conv2DWide, context: LayerContext) -> LayerCode:
    """Writes the C text of a convolution."""
    rows = op.weights.reshape(op.channels, op.kernel[0], -1)
    return emit_wide_convolution(op, "conv_2d", pair_weights(rows), {}, context)
