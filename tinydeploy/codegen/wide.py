"""C text that layers with int8 weights and int16 activations share."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from tinydeploy.codegen.c_data import format_array, format_elements, format_struct
from tinydeploy.codegen.layer import LayerCode, LayerContext
from tinydeploy.codegen.window import Fields, window_fields
from tinydeploy.graph.wide_convolution import WideConvolution


def emit_wide_convolution(
    op: WideConvolution, stem: str, weights: NDArray[np.int8], fields: Fields, context: LayerContext
) -> LayerCode:
    """Writes a convolution of int16.

    Args:
        op: The convolution.
        stem: Its kernel's name without "_s16", that of the parameter struct without "_wide".
        weights: In the order that the kernel wants.
        fields: Fields of the struct behind those that all have.
        context: Names and expressions to use.
    """
    prefix = context.prefix
    columns = zip(op.bias.tolist(), op.multiplier.tolist(), op.shift.tolist(), strict=True)
    channels = [f"{{{bias}LL, {multiplier}, {shift}}}" for bias, multiplier, shift in columns]
    parameters: Fields = {
        "weights": f"{prefix}_weights",
        "channels": f"{prefix}_channels",
        **window_fields(op),
        "low": op.low,
        "high": op.high,
        **fields,
    }
    source, result = context.tensors[op.inputs[0]], context.tensors[op.outputs[0]]
    return LayerCode(
        kernels=(f"{stem}_s16",),
        constants=format_array("int8_t", f"{prefix}_weights", weights)
        + format_elements("td_wide_channel", f"{prefix}_channels", channels),
        parameters=format_struct(f"td_{stem}_wide", f"{prefix}_op", parameters),
        call=f"td_{stem}_s16(&{prefix}_op, {source}, {result}, first, last);",
    )


def pair_weights(weights: NDArray[np.int8]) -> NDArray[np.int8]:
    """Weights [..., n] with those in the middle of every whole group of 4 in each other's place."""
    paired = weights.copy()
    whole = weights.shape[-1] & ~3
    paired[..., 1:whole:4] = weights[..., 2:whole:4]
    paired[..., 2:whole:4] = weights[..., 1:whole:4]
    return paired
