"""ADD and SUB of int16 as calls of td_add_s16."""

from __future__ import annotations

from tinydeploy.codegen.elementwise import emit_elementwise
from tinydeploy.codegen.layer import LayerCode, LayerContext
from tinydeploy.graph.ops.sum_wide import LEFT_SHIFT, SumWide


def emit_layer(op: SumWide, context: LayerContext) -> LayerCode:
    """Writes the C text of a sum."""
    one = op.larger
    other = 1 - one
    fields: dict[str, int | str] = {
        "factor1": op.signs[one] << (LEFT_SHIFT - 1),
        "sign2": op.signs[other],
        "multiplier2": op.multipliers[other],
        "right2": -op.shifts[other],
        "output_multiplier": op.output_multiplier,
        "output_right": -op.output_shift,
        "low": op.low,
        "high": op.high,
    }
    return emit_elementwise(op, "add", "td_add_wide", fields, context, swap=one == 1)
