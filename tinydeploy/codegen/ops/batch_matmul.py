"""BATCH_MATMUL as a call of td_batch_matmul_s8 or td_batch_matmul_s16."""

from __future__ import annotations

import math

from tinydeploy.codegen.c_data import format_array, format_struct
from tinydeploy.codegen.layer import LayerCode, LayerContext
from tinydeploy.graph.ops.batch_matmul import BatchMatmul


def emit_layer(op: BatchMatmul, context: LayerContext) -> LayerCode:
    """Writes the C text of the layer."""
    prefix, graph = context.prefix, context.graph
    name = f"{prefix}_constant"
    first, second = op.shapes(graph)
    rows, columns = graph.tensors[op.outputs[0]].shape[-2:]
    depth = op.depth(graph)
    turned_a, turned_b = op.turned
    fields: dict[str, int | str] = {
        "constant": "NULL" if op.constant is None else name,
        "rows": rows,
        "depth": depth,
        "columns": columns,
        "a_row": 1 if turned_a else depth,
        "a_step": rows if turned_a else 1,
        "b_step": 1 if turned_b else columns,
        "b_column": depth if turned_b else 1,
        "one_a": int(math.prod(first[:-2]) == 1),
        "one_b": int(math.prod(second[:-2]) == 1),
        "a_offset": -op.zero_points[0],
        "b_offset": -op.zero_points[1],
        "output_offset": op.output_zero_point,
        "multiplier": op.multiplier[0],
        "shift": op.multiplier[1],
    }
    a, result = context.tensors[op.inputs[0]], context.tensors[op.outputs[0]]
    b = context.tensors[op.inputs[1]] if op.constant is None else "NULL"
    constant = op.constant
    return LayerCode(
        kernels=(op.portable_kernel,),
        constants=""
        if constant is None
        else format_array(f"{constant.dtype.name}_t", name, constant),
        parameters=format_struct("td_batch_matmul", f"{prefix}_op", fields),
        call=f"td_{op.portable_kernel}(&{prefix}_op, {a}, {b}, {result}, first, last);",
    )
