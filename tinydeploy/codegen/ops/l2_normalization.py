"""L2_NORMALIZATION as a call of td_l2_normalization_s8."""

from __future__ import annotations

from tinydeploy.codegen.c_data import format_struct
from tinydeploy.codegen.layer import LayerCode, LayerContext
from tinydeploy.graph.ops.l2_normalization import L2Normalization


def emit_layer(op: L2Normalization, context: LayerContext) -> LayerCode:
    """Writes the C text of a normalization."""
    fields: dict[str, int | str] = {"depth": op.depth, "input_offset": -op.input_zero_point}
    source, result = context.tensors[op.inputs[0]], context.tensors[op.outputs[0]]
    return LayerCode(
        kernels=("l2_normalization_s8",),
        constants="",
        parameters=format_struct("td_l2_normalization", f"{context.prefix}_op", fields),
        call=f"td_l2_normalization_s8(&{context.prefix}_op, {source}, {result}, first, last);",
    )
