"""ADD and SUB of int16 as calls of td_add_s16."""

from __future__ import annotations

from tinydeploy.codegen.elementwise import emit_elementwise
from tinydeploy.codegen.layer import LayerCode, LayerContext
from tinydeploy.graph.ops.sum_wide import SumWide


def emit_layer(op: SumWide, context: LayerContext) -> LayerCode:
    """Writes the C text of a sum."""
    fields: dict[str, int | str] = {
        "sign1": op.signs[0],
        "multiplier1": op.multipliers[0],
        "shift1": op.shifts[0],
        "sign2": op.signs[1],
        "multiplier2": op.multipliers[1],
        "shift2": op.shifts[1],
        "output_multiplier": op.output_multiplier,
        "output_shift": op.output_shift,
        "low": op.low,
        "high": op.high,
    }
    return emit_elementwise(op, "add", "td_add_wide", fields, context)
