"""SUB as a call of td_sub_s8 or a kernel that is faster."""

from __future__ import annotations

from tinydeploy.codegen.elementwise import emit_elementwise
from tinydeploy.codegen.layer import LayerCode, LayerContext
from tinydeploy.codegen.scaled_sum import emit_fast_sum, scaled_sum_fields
from tinydeploy.graph.ops.sub import Sub


def emit_layer(op: Sub, context: LayerContext) -> LayerCode:
    """Writes the C text of a difference; operand 1 is the minuend where the signs say so."""
    if fast := emit_fast_sum(op, context):
        return fast
    swap = op.signs == (-1, 1)
    fields = scaled_sum_fields(op, swap=swap)
    return emit_elementwise(op, "sub", "td_add", fields, context, swap=swap)
