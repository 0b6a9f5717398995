"""Reductions as calls of td_reduce_s8."""

from __future__ import annotations

from tinydeploy.codegen.c_data import format_struct
from tinydeploy.codegen.layer import LayerCode, LayerContext
from tinydeploy.codegen.movement import box_fields, emit_levels, loops_of
from tinydeploy.graph.invariants import zero_point_of
from tinydeploy.graph.movement import Level
from tinydeploy.graph.ops.reduce import Reduce

REDUCTIONS = {
    "MEAN": "TD_SUM",
    "SUM": "TD_SUM",
    "REDUCE_MAX": "TD_LARGEST",
    "REDUCE_MIN": "TD_SMALLEST",
}


def emit_layer(op: Reduce, context: LayerContext) -> LayerCode:
    """Writes the C text of a reduction."""
    prefix, graph = context.prefix, context.graph
    taken = op.taken or (Level(1, 0, 0, 0),)
    box = ", ".join(f".{k} = {v}" for k, v in box_fields(op.part, f"{prefix}_levels").items())
    fields: dict[str, int | str] = {
        "box": f"{{{box}}}",
        "levels": f"{prefix}_taken",
        "outer_levels": len(taken) - 1,
        "kind": REDUCTIONS[op.function],
        "bias": -zero_point_of(graph, op.inputs[0]) * op.count,
        "multiplier": op.multiplier,
        "shift": op.shift,
        "output_offset": zero_point_of(graph, op.outputs[0]),
    }
    source, result = context.tensors[op.inputs[0]], context.tensors[op.outputs[0]]
    return LayerCode(
        kernels=("reduce_s8",),
        constants="",
        parameters=emit_levels(loops_of(op.part), f"{prefix}_levels", len(op.part.rows))
        + emit_levels(taken, f"{prefix}_taken")
        + format_struct("td_reduce", f"{prefix}_op", fields),
        call=f"td_reduce_s8(&{prefix}_op, {source}, {result}, first, last);",
    )
