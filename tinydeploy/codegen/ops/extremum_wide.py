"""MAXIMUM and MINIMUM of int16 as calls of td_maximum_s16 and td_minimum_s16."""

from __future__ import annotations

from tinydeploy.codegen.elementwise import emit_elementwise
from tinydeploy.codegen.layer import LayerCode, LayerContext
from tinydeploy.graph.ops.extremum_wide import ExtremumWide


def emit_layer(op: ExtremumWide, context: LayerContext) -> LayerCode:
    """Writes the C text of a maximum or minimum."""
    return emit_elementwise(op, op.function.lower(), "", {}, context)
