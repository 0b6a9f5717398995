"""ADD as a call of td_add_s8 or a kernel that is faster."""

from __future__ import annotations

from tinydeploy.codegen.elementwise import emit_elementwise
from tinydeploy.codegen.layer import LayerCode, LayerContext
from tinydeploy.codegen.scaled_sum import emit_fast_sum, scaled_sum_fields
from tinydeploy.graph.ops.add import Add


def emit_layer(op: Add, context: LayerContext) -> LayerCode:
    """Writes the C text of a sum."""
    if fast := emit_fast_sum(op, context):
        return fast
    return emit_elementwise(op, "add", "td_add", scaled_sum_fields(op), context)
