"""SVDF as a call of td_svdf_s8."""

from __future__ import annotations

from tinydeploy.codegen.c_data import format_array, format_struct
from tinydeploy.codegen.layer import LayerCode, LayerContext
from tinydeploy.graph.ops.svdf import Svdf


def emit_layer(op: Svdf, context: LayerContext) -> LayerCode:
    """Writes the C text of the layer."""
    prefix = context.prefix
    fields: dict[str, int | str] = {
        "weights": f"{prefix}_weights",
        "time": f"{prefix}_time",
        "bias": f"{prefix}_bias",
        "filters": op.weights.shape[0],
        "depth": op.weights.shape[1],
        "memory": op.time.shape[1],
        "rank": op.rank,
        "input_offset": -op.input_zero_point,
        "output_offset": op.output_zero_point,
        "state_multiplier": op.state_multiplier[0],
        "state_shift": op.state_multiplier[1],
        "output_multiplier": op.output_multiplier[0],
        "output_shift": op.output_multiplier[1],
    }
    source, result = context.tensors[op.inputs[0]], context.tensors[op.outputs[0]]
    return LayerCode(
        kernels=("svdf_s8",),
        constants=format_array("int8_t", f"{prefix}_weights", op.weights)
        + format_array("int16_t", f"{prefix}_time", op.time)
        + format_array("int32_t", f"{prefix}_bias", op.bias),
        parameters=format_struct("td_svdf", f"{prefix}_op", fields),
        call=f"td_svdf_s8(&{prefix}_op, {source}, {result}, first, last, {context.state});",
    )
