"""LOG_SOFTMAX as a call of td_log_softmax_s8."""

from __future__ import annotations

from tinydeploy.codegen.c_data import format_struct
from tinydeploy.codegen.layer import LayerCode, LayerContext
from tinydeploy.codegen.ops.softmax import emit_exponentials
from tinydeploy.graph.ops.log_softmax import LogSoftmax


def emit_layer(op: LogSoftmax, context: LayerContext) -> LayerCode:
    """Writes the C text of a log-softmax."""
    table, fields = emit_exponentials(op, context)
    fields |= {
        "multiplier": op.input_multiplier,
        "shift": op.input_left_shift,
        "reverse_multiplier": op.reverse_multiplier,
        "reverse_shift": op.reverse_shift,
        "diff_min": op.diff_min,
    }
    source, result = context.tensors[op.inputs[0]], context.tensors[op.outputs[0]]
    return LayerCode(
        kernels=("log_softmax_s8",),
        constants=table,
        parameters=format_struct("td_log_softmax", f"{context.prefix}_op", fields),
        call=f"td_log_softmax_s8(&{context.prefix}_op, {source}, {result}, first, last);",
    )
