"""LOGICAL_AND, LOGICAL_OR and LOGICAL_NOT as calls of kernels for int8."""

from __future__ import annotations

from tinydeploy.codegen.elementwise import emit_elementwise
from tinydeploy.codegen.layer import LayerCode, LayerContext
from tinydeploy.graph.ops.logical import Logical, LogicalNot


def emit_layer(op: Logical | LogicalNot, context: LayerContext) -> LayerCode:
    """Writes the C text of an operation on bytes of 0 or 1."""
    if isinstance(op, LogicalNot):
        source, output = context.tensors[op.inputs[0]], context.tensors[op.outputs[0]]
        return LayerCode(
            kernels=("logical_not_s8",),
            constants="",
            parameters="",
            call=f"td_logical_not_s8({source}, {output}, first, last);",
        )
    stem = "minimum" if op.function == "LOGICAL_AND" else "maximum"
    return emit_elementwise(op, stem, "", {}, context, cores=("cores/bound",))
