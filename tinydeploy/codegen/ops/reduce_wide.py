"""Reductions of int16 as calls of td_reduce_s16."""

from __future__ import annotations

from tinydeploy.codegen.c_data import format_struct
from tinydeploy.codegen.layer import LayerCode, LayerContext
from tinydeploy.codegen.movement import box_fields, emit_levels, loops_of
from tinydeploy.codegen.ops.reduce import REDUCTIONS
from tinydeploy.graph.movement import Level
from tinydeploy.graph.ops.reduce_wide import ReduceWide


def emit_layer(op: ReduceWide, context: LayerContext) -> LayerCode:
    """Writes the C text of a reduction."""
    prefix = context.prefix
    taken = op.taken or (Level(1, 0, 0, 0),)
    box = ", ".join(f".{k} = {v}" for k, v in box_fields(op.part, f"{prefix}_levels").items())
    fields: dict[str, int | str] = {
        "box": f"{{{box}}}",
        "levels": f"{prefix}_taken",
        "level_count": len(taken),
        "kind": REDUCTIONS[op.function],
        "multiplier": op.multiplier,
        "shift": op.shift,
    }
    source, result = context.tensors[op.inputs[0]], context.tensors[op.outputs[0]]
    return LayerCode(
        kernels=("reduce_s16",),
        constants="",
        parameters=emit_levels(loops_of(op.part), f"{prefix}_levels", len(op.part.rows))
        + emit_levels(taken, f"{prefix}_taken")
        + format_struct("td_reduce_wide", f"{prefix}_op", fields),
        call=f"td_reduce_s16(&{prefix}_op, {source}, {result}, first, last);",
    )
