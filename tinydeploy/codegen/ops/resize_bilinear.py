"""RESIZE_BILINEAR as a call of td_resize_bilinear_s8 or td_resize_bilinear_s16."""

from __future__ import annotations

from tinydeploy.codegen.c_data import format_struct
from tinydeploy.codegen.layer import LayerCode, LayerContext
from tinydeploy.graph.ops.resize_bilinear import ResizeBilinear


def emit_layer(op: ResizeBilinear, context: LayerContext) -> LayerCode:
    """Writes the C text of a resizing."""
    fields: dict[str, int | str] = {
        "step_height": op.height.step,
        "step_width": op.width.step,
        "offset_height": op.height.offset,
        "offset_width": op.width.offset,
    }
    source, result = context.tensors[op.inputs[0]], context.tensors[op.outputs[0]]
    return LayerCode(
        kernels=(op.portable_kernel,),
        constants="",
        parameters=format_struct("td_resize_bilinear", f"{context.prefix}_op", fields),
        call=f"td_{op.portable_kernel}(&{context.prefix}_op, {source}, {result}, first, last);",
    )
