"""LEAKY_RELU and ABS of int16 as a call of td_slopes_s16."""

from __future__ import annotations

from tinydeploy.codegen.c_data import format_struct
from tinydeploy.codegen.layer import LayerCode, LayerContext
from tinydeploy.graph.ops.slopes_wide import SlopesWide


def emit_layer(op: SlopesWide, context: LayerContext) -> LayerCode:
    """Writes the C text of both slopes."""
    fields: dict[str, int | str] = {
        "negates": int(op.negates),
        "above_multiplier": op.above[0],
        "above_shift": op.above[1],
        "below_multiplier": op.below[0],
        "below_shift": op.below[1],
    }
    source, result = context.tensors[op.inputs[0]], context.tensors[op.outputs[0]]
    return LayerCode(
        kernels=("slopes_s16",),
        constants="",
        parameters=format_struct("td_slopes_wide", f"{context.prefix}_op", fields),
        call=f"td_slopes_s16(&{context.prefix}_op, {source}, {result}, first, last);",
    )
