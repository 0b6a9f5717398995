"""SQUARED_DIFFERENCE as a call of td_squared_difference_s8."""

from __future__ import annotations

from tinydeploy.codegen.elementwise import emit_elementwise
from tinydeploy.codegen.layer import LayerCode, LayerContext
from tinydeploy.graph.fixed_point import INT8_MAX, INT8_MIN
from tinydeploy.graph.ops.squared_difference import LEFT_SHIFT, SquaredDifference


def emit_layer(op: SquaredDifference, context: LayerContext) -> LayerCode:
    """Writes the C text of a squared difference."""
    fields: dict[str, int | str] = {
        "left_shift": LEFT_SHIFT,
        "input1_offset": -op.zero_points[0],
        "input1_multiplier": op.multipliers[0],
        "input1_shift": op.shifts[0],
        "input2_offset": -op.zero_points[1],
        "input2_multiplier": op.multipliers[1],
        "input2_shift": op.shifts[1],
        "output_offset": op.output_zero_point,
        "output_multiplier": op.output_multiplier,
        "output_shift": op.output_shift,
        "low": INT8_MIN,
        "high": INT8_MAX,
    }
    return emit_elementwise(op, "squared_difference", "td_add", fields, context)
