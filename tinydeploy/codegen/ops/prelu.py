"""PRELU as a call of td_prelu_s8."""

from __future__ import annotations

from tinydeploy.codegen.elementwise import emit_elementwise
from tinydeploy.codegen.layer import LayerCode, LayerContext
from tinydeploy.graph.ops.prelu import Prelu


def emit_layer(op: Prelu, context: LayerContext) -> LayerCode:
    """Writes the C text of slopes for negative values."""
    fields: dict[str, int | str] = {
        "input_offset": -op.zero_points[0],
        "slope_offset": -op.zero_points[1],
        "output_offset": op.output_zero_point,
        "multiplier": op.multiplier,
        "shift": op.shift,
        "slope_multiplier": op.slope_multiplier,
        "slope_shift": op.slope_shift,
    }
    return emit_elementwise(op, "prelu", "td_prelu", fields, context)
