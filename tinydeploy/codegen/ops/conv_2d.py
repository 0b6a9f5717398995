"""CONV_2D as a call of td_conv_2d_s8."""

from __future__ import annotations

from tinydeploy.codegen.layer import LayerCode, LayerContext
from tinydeploy.codegen.window import emit_convolution
from tinydeploy.graph.ops.conv_2d import Conv2D


def emit_layer(op: Conv2D, context: LayerContext) -> LayerCode:
    """Writes the C text of a convolution."""
    taps = op.weights[0].size
    return emit_convolution(op, "conv_2d", {}, taps, context)
