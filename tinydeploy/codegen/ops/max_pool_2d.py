"""MAX_POOL_2D as a call of td_max_pool_2d_s8."""

from __future__ import annotations

from tinydeploy.codegen.c_data import format_struct
from tinydeploy.codegen.layer import LayerCode, LayerContext
from tinydeploy.codegen.window import max_pool_fields
from tinydeploy.graph.ops.max_pool_2d import MaxPool2D


def emit_layer(op: MaxPool2D, context: LayerContext) -> LayerCode:
    """Writes the C text of a max-pool."""
    source, result = context.tensors[op.inputs[0]], context.tensors[op.outputs[0]]
    height, width, _ = context.graph.tensors[op.inputs[0]].rows
    fields = max_pool_fields(op, height, width)
    return LayerCode(
        kernels=("max_pool_2d_s8",),
        constants="",
        parameters=format_struct("td_max_pool_2d", f"{context.prefix}_op", fields),
        call=f"td_max_pool_2d_s8(&{context.prefix}_op, {source}, {result}, first, last);",
    )
