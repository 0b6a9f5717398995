"""FULLY_CONNECTED of int16 as a call of td_fully_connected_s16."""

from __future__ import annotations

import math

import numpy as np

from tinydeploy.codegen.c_data import format_array, format_elements, format_struct
from tinydeploy.codegen.layer import LayerCode, LayerContext
from tinydeploy.codegen.ops.fully_connected import format_scale
from tinydeploy.codegen.wide import pair_weights
from tinydeploy.graph.ops.fully_connected_wide import FullyConnectedWide


def emit_layer(op: FullyConnectedWide, context: LayerContext) -> LayerCode:
    """Writes the C text of a fully-connected layer."""
    prefix = context.prefix
    _, width, channels = context.graph.tensors[op.inputs[0]].rows
    piece = math.gcd(op.depth, width * channels)
    scales = op.scale if np.any(op.scale != op.scale[0]) else op.scale[:1]
    weights = pair_weights(op.weights.reshape(op.channels, op.depth // piece, piece))
    constants = [
        format_array("int8_t", f"{prefix}_weights", weights),
        format_elements("int64_t", f"{prefix}_bias", [f"{b}LL" for b in op.bias.tolist()]),
        format_elements("td_scale", f"{prefix}_scales", [format_scale(s) for s in scales.tolist()]),
    ]
    fields: dict[str, int | str] = {
        "weights": f"{prefix}_weights",
        "bias": f"{prefix}_bias",
        "scales": f"{prefix}_scales",
        "per_channel": int(len(scales) > 1),
        "depth": op.depth,
        "units": op.channels,
        "piece": piece,
        "low": op.low,
        "high": op.high,
    }
    source, result = context.tensors[op.inputs[0]], context.tensors[op.outputs[0]]
    return LayerCode(
        kernels=("fully_connected_s16",),
        constants="".join(constants),
        parameters=format_struct("td_fully_connected_wide", f"{prefix}_op", fields),
        call=f"td_fully_connected_s16(&{prefix}_op, {source}, {result}, first, last);",
    )
