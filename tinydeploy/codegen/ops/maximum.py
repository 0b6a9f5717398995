"""MAXIMUM as a call of td_maximum_s8."""

from __future__ import annotations

from tinydeploy.codegen.elementwise import emit_elementwise
from tinydeploy.codegen.layer import LayerCode, LayerContext
from tinydeploy.graph.ops.maximum import Maximum


def emit_layer(op: Maximum, context: LayerContext) -> LayerCode:
    """Writes the C text of the larger of two operands."""
    return emit_elementwise(op, "maximum", "", {}, context, cores=("cores/bound",))
