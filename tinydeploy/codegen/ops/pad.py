"""PAD and PADV2 as calls of td_pad_s8."""

from __future__ import annotations

from tinydeploy.codegen.c_data import format_struct
from tinydeploy.codegen.layer import LayerCode, LayerContext
from tinydeploy.graph.ops.pad import Pad


def emit_layer(op: Pad, context: LayerContext) -> LayerCode:
    """Writes the C text of a padding."""
    fields: dict[str, int | str] = {
        "top": op.padding[0],
        "left": op.padding[1],
        "front": op.channel_padding[0],
        "value": op.value,
    }
    source, result = context.tensors[op.inputs[0]], context.tensors[op.outputs[0]]
    return LayerCode(
        kernels=("pad_s8",),
        constants="",
        parameters=format_struct("td_pad", f"{context.prefix}_op", fields),
        call=f"td_pad_s8(&{context.prefix}_op, {source}, {result}, first, last);",
    )
