"""SOFTMAX of int16 as a call of td_softmax_s16."""

from __future__ import annotations

from tinydeploy.codegen.c_data import format_array, format_struct
from tinydeploy.codegen.layer import LayerCode, LayerContext
from tinydeploy.graph.ops.softmax_wide import SoftmaxWide, exponential_table, reciprocal_table


def emit_layer(op: SoftmaxWide, context: LayerContext) -> LayerCode:
    """Writes the C text of a softmax."""
    prefix = context.prefix
    fields: dict[str, int | str] = {
        "exponentials": f"{prefix}_exponentials",
        "reciprocals": f"{prefix}_reciprocals",
        "depth": op.depth,
        "multiplier": op.multiplier,
        "shift": op.shift,
    }
    source, result = context.tensors[op.inputs[0]], context.tensors[op.outputs[0]]
    return LayerCode(
        kernels=("softmax_s16",),
        constants=format_array("int16_t", f"{prefix}_exponentials", exponential_table())
        + format_array("int16_t", f"{prefix}_reciprocals", reciprocal_table()),
        parameters=format_struct("td_softmax_wide", f"{prefix}_op", fields),
        call=f"td_softmax_s16(&{prefix}_op, {source}, {result}, first, last);",
    )
