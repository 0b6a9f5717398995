"""Ops that move bytes as calls of td_move_s8, one for each of their parts."""

from __future__ import annotations

from tinydeploy.codegen.c_data import format_array, format_elements, format_struct
from tinydeploy.codegen.layer import LayerCode, LayerContext
from tinydeploy.graph.movement import Level, Part
from tinydeploy.graph.ops.move import Move

_ONCE = Level(1, 0, 0, 0)


def emit_layer(op: Move, context: LayerContext) -> LayerCode:
    """Writes the C text of a movement."""
    constants, parameters, calls = "", "", []
    result = context.tensors[op.outputs[0]]
    for number, part in enumerate(op.parts):
        name = f"{context.prefix}_part{number}"
        constants += _emit_constants(part, name)
        parameters += _emit_part(part, name)
        source = f"&{name}_source"
        if part.source is not None:
            source = context.tensors[op.inputs[part.source]]
        calls.append(f"td_move_s8(&{name}, {source}, {result}, first, last);")
    return LayerCode(("move_s8",), constants, parameters, "\n    ".join(calls))


def _emit_constants(part: Part, name: str) -> str:
    text = "".join(
        format_array("uint16_t", f"{name}_indices{k}", level.indices)
        for k, level in enumerate(_loops(part))
        if level.indices is not None
    )
    if part.constant is not None:
        text += format_array("int8_t", f"{name}_constant", part.constant)
    return text


def _emit_part(part: Part, name: str) -> str:
    text = ""
    if part.constant is not None:
        tensor: dict[str, int | str] = {
            "base": f"(int8_t *){name}_constant",
            "table": "NULL",
            "pitch": 0,
            "height": 1,
            "width": 1,
            "channels": part.constant.size,
        }
        text += format_struct("td_tensor", f"{name}_source", tensor)
    levels = [
        f"{{{level.count}, {level.row_step}, {level.step}, "
        f"{0 if k < len(part.rows) else level.out_step}, "
        + ("NULL" if level.indices is None else f"{name}_indices{k}")
        + "}"
        for k, level in enumerate(_loops(part))
    ]
    text += format_elements("td_move_level", f"{name}_levels", levels)
    fields: dict[str, int | str] = {
        "levels": f"{name}_levels",
        "row_levels": len(part.rows),
        "outer_levels": len(levels) - len(part.rows) - 2,
        "first": part.first,
        "last": part.first + part.height,
        "offset": part.offset,
        "row": part.row,
        "column": part.column,
    }
    return text + format_struct("td_move", name, fields)


def _loops(part: Part) -> tuple[Level, ...]:
    """All loops, those over bytes at least two, as the kernel wants them."""
    missing = (_ONCE,) * max(0, 2 - len(part.levels))
    return (*part.rows, *missing, *part.levels)
