"""ARG_MAX and ARG_MIN as calls of td_arg_extreme_s8."""

from __future__ import annotations

from tinydeploy.codegen.c_data import format_struct
from tinydeploy.codegen.layer import LayerCode, LayerContext
from tinydeploy.codegen.movement import box_fields, emit_levels, loops_of
from tinydeploy.graph.ops.arg_extreme import ArgExtreme


def emit_layer(op: ArgExtreme, context: LayerContext) -> LayerCode:
    """Writes the C text of a comparison."""
    prefix = context.prefix
    box = ", ".join(f".{k} = {v}" for k, v in box_fields(op.part, f"{prefix}_levels").items())
    fields: dict[str, int | str] = {
        "box": f"{{{box}}}",
        "count": op.taken.count,
        "row_step": op.taken.row_step,
        "step": op.taken.step,
        "sign": 1 if op.function == "ARG_MAX" else -1,
        "words": context.graph.tensors[op.outputs[0]].item_bytes // 4,
    }
    source, result = context.tensors[op.inputs[0]], context.tensors[op.outputs[0]]
    return LayerCode(
        kernels=("arg_extreme_s8",),
        constants="",
        parameters=emit_levels(loops_of(op.part), f"{prefix}_levels", len(op.part.rows))
        + format_struct("td_arg_extreme", f"{prefix}_op", fields),
        call=f"td_arg_extreme_s8(&{prefix}_op, {source}, {result}, first, last);",
    )
