"""AVERAGE_POOL_2D as a call of td_average_pool_2d_s8, or td_average_pool_2d_global_s8."""

from __future__ import annotations

from tinydeploy.codegen.c_data import format_struct
from tinydeploy.codegen.layer import LayerCode, LayerContext
from tinydeploy.codegen.window import pool_fields
from tinydeploy.graph.ops.average_pool_2d import AveragePool2D


def emit_layer(op: AveragePool2D, context: LayerContext) -> LayerCode:
    """Writes the C text of an average-pool."""
    source, result = context.tensors[op.inputs[0]], context.tensors[op.outputs[0]]
    if context.kernel.stem == "average_pool_2d_global_s8":
        arguments = f"&{context.prefix}_op, {source}, {result}, first, last, {context.scratch}"
        bounds: dict[str, int | str] = {"low": op.low, "high": op.high}
        return LayerCode(
            kernels=("average_pool_2d_global_s8", "cores/sums"),
            constants="",
            parameters=format_struct("td_average_pool_2d_global", f"{context.prefix}_op", bounds),
            call=f"td_average_pool_2d_global_s8({arguments});",
        )
    fields = {**pool_fields(op), "low": op.low, "high": op.high}
    return LayerCode(
        kernels=("average_pool_2d_s8", "cores/sums"),
        constants="",
        parameters=format_struct("td_average_pool_2d", f"{context.prefix}_op", fields),
        call=f"td_average_pool_2d_s8(&{context.prefix}_op, {source}, {result}, first, last);",
    )
