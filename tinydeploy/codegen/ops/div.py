"""DIV as a call of td_div_s8."""

from __future__ import annotations

from tinydeploy.codegen.elementwise import emit_elementwise
from tinydeploy.codegen.layer import LayerCode, LayerContext
from tinydeploy.graph.ops.div import Div


def emit_layer(op: Div, context: LayerContext) -> LayerCode:
    """Writes the C text of a quotient."""
    fields: dict[str, int | str] = {
        "input1_offset": -op.zero_points[0],
        "input2_offset": -op.zero_points[1],
        "output_offset": op.output_zero_point,
        "output_multiplier": op.multiplier,
        "output_shift": op.shift,
        "low": op.low,
        "high": op.high,
    }
    return emit_elementwise(op, "div", "td_mul", fields, context, swap=op.swapped)
