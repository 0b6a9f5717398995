"""TRANSPOSE_CONV as a call of td_transpose_conv_s8."""

from __future__ import annotations

from tinydeploy.codegen.layer import LayerCode, LayerContext
from tinydeploy.codegen.window import Fields, emit_convolution
from tinydeploy.graph.ops.transpose_conv import TransposeConv


def emit_layer(op: TransposeConv, context: LayerContext) -> LayerCode:
    """Writes the C text of a transposed convolution."""
    fields: Fields = {
        "kernel_height": op.kernel[0],
        "kernel_width": op.kernel[1],
        "stride_height": op.stride[0],
        "stride_width": op.stride[1],
        "pad_top": op.padding[0],
        "pad_left": op.padding[1],
    }
    return emit_convolution(op, "transpose_conv", fields, op.weights[0].size, context)
