"""SOFTMAX as a call of td_softmax_s8."""

from __future__ import annotations

import numpy as np

from tinydeploy.codegen.c_data import format_array, format_struct
from tinydeploy.codegen.layer import LayerCode, LayerContext
from tinydeploy.graph.ops.log_softmax import LogSoftmax
from tinydeploy.graph.ops.softmax import Softmax


def emit_layer(op: Softmax, context: LayerContext) -> LayerCode:
    """Writes the C text of a softmax."""
    table, fields = emit_exponentials(op, context)
    source, result = context.tensors[op.inputs[0]], context.tensors[op.outputs[0]]
    return LayerCode(
        kernels=("softmax_s8",),
        constants=table,
        parameters=format_struct("td_softmax", f"{context.prefix}_op", fields),
        call=f"td_softmax_s8(&{context.prefix}_op, {source}, {result}, first, last);",
    )


def emit_exponentials(
    op: Softmax | LogSoftmax, context: LayerContext
) -> tuple[str, dict[str, int | str]]:
    """The definition of the table, without the zeros at its end, and the fields that go with it."""
    table = f"{context.prefix}_exponentials"
    entries = int(np.flatnonzero(op.exponentials)[-1]) + 1
    fields: dict[str, int | str] = {"exponentials": table, "entries": entries, "depth": op.depth}
    return format_array("int32_t", table, op.exponentials[:entries]), fields
