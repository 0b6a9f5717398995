"""MUL of int16 as a call of td_mul_s16."""

from __future__ import annotations

from tinydeploy.codegen.elementwise import emit_elementwise
from tinydeploy.codegen.layer import LayerCode, LayerContext
from tinydeploy.graph.ops.mul_wide import MulWide


def emit_layer(op: MulWide, context: LayerContext) -> LayerCode:
    """Writes the C text of a product."""
    fields: dict[str, int | str] = {
        "multiplier": op.multiplier,
        "shift": op.shift,
        "low": op.low,
        "high": op.high,
    }
    return emit_elementwise(op, "mul", "td_mul_wide", fields, context)
