"""TRANSPOSE_CONV of int16 as a call of td_transpose_conv_s16."""

from __future__ import annotations

from tinydeploy.codegen.layer import LayerCode, LayerContext
from tinydeploy.codegen.wide import emit_wide_convolution
from tinydeploy.graph.ops.transpose_conv_wide import TransposeConvWide


def emit_layer(op: TransposeConvWide, context: LayerContext) -> LayerCode:
    """Writes the C text of a transposed convolution."""
    return emit_wide_convolution(op, "transpose_conv", op.weights, {}, context)
