"""CONV_2D of groups as a call of td_grouped_conv_2d_s8."""

from __future__ import annotations

from tinydeploy.codegen.layer import LayerCode, LayerContext
from tinydeploy.codegen.window import Fields, emit_convolution, window_fields
from tinydeploy.graph.ops.grouped_conv_2d import GroupedConv2D


def emit_layer(op: GroupedConv2D, context: LayerContext) -> LayerCode:
    """Writes the C text of a convolution of groups."""
    fields: Fields = {**window_fields(op), "depth": op.weights.shape[3]}
    return emit_convolution(op, "grouped_conv_2d", fields, op.weights[0].size, context)
