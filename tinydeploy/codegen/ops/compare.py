"""Comparisons as calls of td_compare_s8."""

from __future__ import annotations

from tinydeploy.codegen.elementwise import emit_elementwise
from tinydeploy.codegen.layer import LayerCode, LayerContext
from tinydeploy.graph.ops.compare import LEFT_SHIFT, RELATIONS, Compare


def emit_layer(op: Compare, context: LayerContext) -> LayerCode:
    """Writes the C text of a comparison."""
    smaller, equal, larger = RELATIONS[op.relation]
    fields: dict[str, int | str] = {
        "left_shift": LEFT_SHIFT,
        "input1_offset": -op.zero_points[0],
        "input1_multiplier": op.multipliers[0],
        "input1_shift": op.shifts[0],
        "input2_offset": -op.zero_points[1],
        "input2_multiplier": op.multipliers[1],
        "input2_shift": op.shifts[1],
        "smaller": int(smaller),
        "equal": int(equal),
        "larger": int(larger),
    }
    return emit_elementwise(op, "compare", "td_compare", fields, context)
