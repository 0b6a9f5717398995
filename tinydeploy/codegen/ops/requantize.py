"""QUANTIZE from or to int16 and its kin as a call of td_requantize_rows."""

from __future__ import annotations

from tinydeploy.codegen.c_data import format_struct
from tinydeploy.codegen.layer import LayerCode, LayerContext
from tinydeploy.graph.ops.requantize import Requantize


def emit_layer(op: Requantize, context: LayerContext) -> LayerCode:
    """Writes the C text of a requantization."""
    tensors = context.graph.tensors
    fields: dict[str, int | str] = {
        "input_wide": int(tensors[op.inputs[0]].dtype == "int16"),
        "output_wide": int(tensors[op.outputs[0]].dtype == "int16"),
        "input_offset": -op.input_zero_point,
        "output_offset": op.output_zero_point,
        "multiplier": op.multiplier,
        "shift": op.shift,
        "low": op.low,
        "high": op.high,
    }
    source, result = context.tensors[op.inputs[0]], context.tensors[op.outputs[0]]
    return LayerCode(
        kernels=("requantize",),
        constants="",
        parameters=format_struct("td_requantization", f"{context.prefix}_op", fields),
        call=f"td_requantize_rows(&{context.prefix}_op, {source}, {result}, first, last);",
    )
