"""MEAN as a call of td_mean_s8."""

from __future__ import annotations

from tinydeploy.codegen.c_data import format_struct
from tinydeploy.codegen.layer import LayerCode, LayerContext
from tinydeploy.graph.ops.mean import Mean


def emit_layer(op: Mean, context: LayerContext) -> LayerCode:
    """Writes the C text of a mean over height and width."""
    fields: dict[str, int | str] = {
        "bias": -op.input_zero_point * op.count,
        "multiplier": op.multiplier,
        "shift": op.shift,
        "output_offset": op.output_zero_point,
    }
    source, result = context.tensors[op.inputs[0]], context.tensors[op.outputs[0]]
    arguments = f"&{context.prefix}_op, {source}, {result}, first, last, {context.scratch}"
    return LayerCode(
        kernels=("mean_s8", "cores/sums"),
        constants="",
        parameters=format_struct("td_mean", f"{context.prefix}_op", fields),
        call=f"td_mean_s8({arguments});",
    )
