"""LOGISTIC and TANH of int16 as calls of td_sigmoid_s16."""

from __future__ import annotations

from tinydeploy.codegen.c_data import format_struct
from tinydeploy.codegen.layer import LayerCode, LayerContext
from tinydeploy.graph.ops.sigmoid_wide import SigmoidWide


def emit_layer(op: SigmoidWide, context: LayerContext) -> LayerCode:
    """Writes the C text of the function."""
    fields: dict[str, int | str] = {
        "multiplier": op.multiplier,
        "shift": op.shift,
        "tangent": int(op.function == "TANH"),
    }
    source, result = context.tensors[op.inputs[0]], context.tensors[op.outputs[0]]
    return LayerCode(
        kernels=("sigmoid_s16",),
        constants="",
        parameters=format_struct("td_sigmoid_wide", f"{context.prefix}_op", fields),
        call=f"td_sigmoid_s16(&{context.prefix}_op, {source}, {result}, first, last);",
    )
