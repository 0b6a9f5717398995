"""Ops that move bytes as calls of td_move_s8, one for each of their parts."""

from __future__ import annotations

from tinydeploy.codegen.c_data import format_array, format_struct
from tinydeploy.codegen.layer import LayerCode, LayerContext
from tinydeploy.codegen.movement import box_fields, emit_indices, emit_levels, loops_of
from tinydeploy.graph.ops.move import Move


def emit_layer(op: Move, context: LayerContext) -> LayerCode:
    """Writes the C text of a movement."""
    constants, parameters, calls = "", "", []
    result = context.tensors[op.outputs[0]]
    for number, part in enumerate(op.parts):
        name = f"{context.prefix}_part{number}"
        constants += emit_indices(loops_of(part), f"{name}_levels")
        parameters += emit_levels(loops_of(part), f"{name}_levels", len(part.rows))
        parameters += format_struct("td_move", name, box_fields(part, f"{name}_levels"))
        if part.constant is None:
            source = context.tensors[op.inputs[part.source or 0]]
        else:
            constants += format_array("int8_t", f"{name}_constant", part.constant)
            parameters += _emit_constant(part.constant.size, name)
            source = f"&{name}_source"
        calls.append(f"td_move_s8(&{name}, {source}, {result}, first, last);")
    return LayerCode(("move_s8",), constants, parameters, "\n    ".join(calls))


def _emit_constant(size: int, name: str) -> str:
    tensor: dict[str, int | str] = {
        "base": f"(int8_t *){name}_constant",
        "table": "NULL",
        "pitch": 0,
        "height": 1,
        "width": 1,
        "channels": size,
    }
    return format_struct("td_tensor", f"{name}_source", tensor)
