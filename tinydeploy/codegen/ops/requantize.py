"""QUANTIZE from or to int16 and its kin as a call of td_requantize_rows or td_requantize_linear."""

from __future__ import annotations

from dataclasses import asdict

from tinydeploy.codegen.c_data import format_struct
from tinydeploy.codegen.layer import LayerCode, LayerContext
from tinydeploy.graph.ops.requantize import Requantize
from tinydeploy.plan.kernel_choice.requantize import LinearRequantizeKernel


def emit_layer(op: Requantize, context: LayerContext) -> LayerCode:
    """Writes the C text of a requantization."""
    tensors, kernel = context.graph.tensors, context.kernel
    fields: dict[str, int | str] = {
        "input_wide": int(tensors[op.inputs[0]].dtype == "int16"),
        "output_wide": int(tensors[op.outputs[0]].dtype == "int16"),
    }
    if isinstance(kernel, LinearRequantizeKernel):
        struct, function = "td_linear_requantization", "td_requantize_linear"
        linear = kernel.linear
        fields |= asdict(linear)
    else:
        struct, function = "td_requantization", "td_requantize_rows"
        fields |= {
            "input_offset": -op.input_zero_point,
            "output_offset": op.output_zero_point,
            "multiplier": op.multiplier,
            "shift": op.shift,
        }
    fields |= {"low": op.low, "high": op.high}
    source, result = context.tensors[op.inputs[0]], context.tensors[op.outputs[0]]
    return LayerCode(
        kernels=(kernel.stem,),
        constants="",
        parameters=format_struct(struct, f"{context.prefix}_op", fields),
        call=f"{function}(&{context.prefix}_op, {source}, {result}, first, last);",
    )
