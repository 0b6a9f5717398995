"""ADD as a call of td_add_s8 or td_add_linear_s8."""

from __future__ import annotations

from tinydeploy.codegen.elementwise import emit_elementwise
from tinydeploy.codegen.layer import LayerCode, LayerContext
from tinydeploy.codegen.scaled_sum import emit_linear_sum, scaled_sum_fields
from tinydeploy.graph.ops.add import Add
from tinydeploy.plan.kernel_choice.add import LinearSumKernel


def emit_layer(op: Add, context: LayerContext) -> LayerCode:
    """Writes the C text of a sum."""
    if isinstance(context.kernel, LinearSumKernel):
        return emit_linear_sum(op, context.kernel.linear, context)
    return emit_elementwise(op, "add", "td_add", scaled_sum_fields(op), context)
