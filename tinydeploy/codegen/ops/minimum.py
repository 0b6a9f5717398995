"""MINIMUM as a call of td_minimum_s8."""

from __future__ import annotations

from tinydeploy.codegen.elementwise import emit_elementwise
from tinydeploy.codegen.layer import LayerCode, LayerContext
from tinydeploy.graph.ops.minimum import Minimum


def emit_layer(op: Minimum, context: LayerContext) -> LayerCode:
    """Writes the C text of the smaller of two operands."""
    return emit_elementwise(op, "minimum", "", {}, context, cores=("cores/bound",))
