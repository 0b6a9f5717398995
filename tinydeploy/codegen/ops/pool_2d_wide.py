"""Pools of int16 as calls of td_pool_2d_s16."""

from __future__ import annotations

from tinydeploy.codegen.c_data import format_struct
from tinydeploy.codegen.layer import LayerCode, LayerContext
from tinydeploy.codegen.window import pool_fields
from tinydeploy.graph.ops.pool_2d_wide import Pool2DWide


def emit_layer(op: Pool2DWide, context: LayerContext) -> LayerCode:
    """Writes the C text of a pool."""
    fields = {
        **pool_fields(op),
        "low": op.low,
        "high": op.high,
        "average": int(op.function == "AVERAGE_POOL_2D"),
    }
    source, result = context.tensors[op.inputs[0]], context.tensors[op.outputs[0]]
    return LayerCode(
        kernels=("pool_2d_s16",),
        constants="",
        parameters=format_struct("td_pool_2d_wide", f"{context.prefix}_op", fields),
        call=f"td_pool_2d_s16(&{context.prefix}_op, {source}, {result}, first, last);",
    )
