"""Functions of one int8 as calls of td_lookup_s8."""

from __future__ import annotations

from tinydeploy.codegen.c_data import format_array
from tinydeploy.codegen.layer import LayerCode, LayerContext
from tinydeploy.graph.ops.lookup import Lookup


def emit_layer(op: Lookup, context: LayerContext) -> LayerCode:
    """Writes the C text of a table look-up."""
    table = f"{context.prefix}_table"
    source, result = context.tensors[op.inputs[0]], context.tensors[op.outputs[0]]
    return LayerCode(
        kernels=("lookup_s8",),
        constants=format_array("int8_t", table, op.table),
        parameters="",
        call=f"td_lookup_s8({table}, {source}, {result}, first, last);",
    )
