"""CONCATENATION as a call of td_concatenation_s8."""

from __future__ import annotations

from tinydeploy.codegen.c_data import format_struct
from tinydeploy.codegen.layer import LayerCode, LayerContext
from tinydeploy.graph.ops.concatenation import Concatenation


def emit_layer(op: Concatenation, context: LayerContext) -> LayerCode:
    """Writes the C text of a concatenation."""
    width = context.graph.tensors[op.outputs[0]].rows[1]
    fields: dict[str, int | str] = {"inputs": len(op.inputs), "pieces": (0, 1, width)[op.axis]}
    inputs = f"{context.prefix}_inputs"
    sources = ", ".join(context.tensors[tensor] for tensor in op.inputs)
    result = context.tensors[op.outputs[0]]
    return LayerCode(
        kernels=("concatenation_s8",),
        constants="",
        parameters=format_struct("td_concatenation", f"{context.prefix}_op", fields)
        + f"static const td_tensor *const {inputs}[{len(op.inputs)}] = {{{sources}}};\n",
        call=f"td_concatenation_s8(&{context.prefix}_op, {inputs}, {result}, first, last);",
    )
