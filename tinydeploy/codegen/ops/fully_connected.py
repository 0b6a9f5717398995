"""FULLY_CONNECTED as a call of td_fully_connected_s8 or td_fully_connected_packed_s8."""

from __future__ import annotations

import math

import numpy as np
from numpy.typing import NDArray

from tinydeploy.codegen.c_data import format_array, format_elements, format_struct
from tinydeploy.codegen.layer import LayerCode, LayerContext
from tinydeploy.codegen.window import MAX_TAPS
from tinydeploy.errors import InternalError
from tinydeploy.graph.fixed_point import INT8_MAX, INT8_MIN
from tinydeploy.graph.ops.fully_connected import FullyConnected
from tinydeploy.plan.kernel_choice.fully_connected import PackedKernel


def emit_layer(op: FullyConnected, context: LayerContext) -> LayerCode:
    """Writes the C text of a fully-connected layer."""
    if op.depth > MAX_TAPS:
        raise InternalError(f"{op.depth} products per output do not fit in an int32")
    if isinstance(context.kernel, PackedKernel):
        return _emit_packed(op, context.kernel, context)
    prefix = context.prefix
    scales = op.scale if np.any(op.scale != op.scale[0]) else op.scale[:1]
    constants = [
        format_array("int8_t", f"{prefix}_weights", op.weights),
        format_array("int32_t", f"{prefix}_bias", op.bias),
        format_elements("td_scale", f"{prefix}_scales", [format_scale(s) for s in scales.tolist()]),
    ]
    bounds = np.stack([op.low, op.high], axis=1)
    uniform = not np.any(bounds != bounds[0])
    if not uniform:
        constants.append(format_array("int8_t", f"{prefix}_bounds", bounds))
    fields: dict[str, int | str] = {
        "weights": f"{prefix}_weights",
        "bias": f"{prefix}_bias",
        "scales": f"{prefix}_scales",
        "bounds": "NULL" if uniform else f"{prefix}_bounds",
        "per_channel": int(len(scales) > 1),
        "depth": op.depth,
        "units": op.channels,
        "input_offset": -op.input_zero_point,
        "output_offset": op.output_zero_point,
        "low": int(op.low[0]),
        "high": int(op.high[0]),
    }
    source, result = context.tensors[op.inputs[0]], context.tensors[op.outputs[0]]
    return LayerCode(
        kernels=("fully_connected_s8",),
        constants="".join(constants),
        parameters=format_struct("td_fully_connected", f"{prefix}_op", fields),
        call=f"td_fully_connected_s8(&{prefix}_op, {source}, {result}, first, last);",
    )


def _emit_packed(op: FullyConnected, kernel: PackedKernel, context: LayerContext) -> LayerCode:
    prefix = context.prefix
    weights, sums = pack_weights(op.weights, joint=kernel.form.name == "joint")
    addend = kernel.addend - (op.input_zero_point * _row_sums(op.weights) << kernel.form.scale)
    addend = (addend - sums).astype(np.uint32).astype(np.int32)
    columns = np.stack([addend, kernel.multiplier], axis=1)
    constants = [
        format_array("int8_t", f"{prefix}_weights", weights, align=4),
        format_array("int32_t", f"{prefix}_constants", columns),
    ]
    bounds = np.stack([op.low, op.high], axis=1)
    bounded = bool(np.any(bounds != (INT8_MIN, INT8_MAX)))
    if bounded:
        constants.append(format_array("int8_t", f"{prefix}_bounds", bounds))
    form = f"td_dense_{kernel.form.name}"
    fields: dict[str, int | str] = {
        "form": f"&{form}",
        "weights": f"{prefix}_weights",
        "constants": f"{prefix}_constants",
        "bounds": f"{prefix}_bounds" if bounded else "NULL",
        "depth": op.depth,
        "units": op.channels,
        "piece": kernel.piece,
        "block": kernel.block,
        "offset": kernel.offset,
        "shift": kernel.shift,
    }
    source, result = context.tensors[op.inputs[0]], context.tensors[op.outputs[0]]
    arguments = f"&{prefix}_op, {source}, {result}, first, last, {context.scratch}"
    return LayerCode(
        kernels=(kernel.stem, "cores/dense_round", f"cores/{form.removeprefix('td_')}"),
        constants="".join(constants),
        parameters=format_struct("td_fully_connected_packed", f"{prefix}_op", fields),
        call=f"td_fully_connected_packed_s8({arguments});",
    )


def pack_weights(
    weights: NDArray[np.int8], *, joint: bool
) -> tuple[NDArray[np.int8], NDArray[np.int64]]:
    """Weights in the order of firmware/include/td_dense.h, and what the joint form adds to sums.

    Args:
        weights: int8 [units, depth]; at least -127 for the joint form.
        joint: For the joint form.

    Returns:
        (int8 [units * depth rounded up to a multiple of 4], int64 [units] to subtract).
    """
    units, depth = weights.shape
    padded = np.zeros((units, -(-depth // 4) * 4), np.int8)
    padded[:, :depth] = weights
    extra = np.zeros(units, np.int64)
    if joint:
        # 256 * b + a, as bytes: a, and b less 1 where a is negative.
        padded[:, 1::2] -= padded[:, 0::2] < 0
        extra = 127 * _row_sums(weights[:, 0::2])
    in_fours = units & ~3
    fours = (
        padded[:in_fours].reshape(in_fours // 4, 4, padded.shape[1] // 4, 4).transpose(0, 2, 1, 3)
    )
    return np.concatenate([fours.ravel(), padded[in_fours:].ravel()]), extra


def _row_sums(weights: NDArray[np.int8]) -> NDArray[np.int64]:
    return np.asarray(weights.sum(axis=1, dtype=np.int64))


def split_scale(scale: float) -> tuple[int, int]:
    """A multiplier as the two words of a `td_scale`, without loss.

    Args:
        scale: Finite, at least 0.

    Returns:
        (high, fraction). Below 2^-32 every product with an int32 rounds to 0, and so does the
        result; from 2^32 on every product but 0 saturates, as it does with 2^31, the result.
    """
    significand, exponent = math.frexp(scale)
    if exponent < -31:
        significand, exponent = 0.0, -31
    if exponent > 32:
        significand, exponent = 0.5, 32
    # In [2^63, 2^64) or 0; a double has 53 bits: the lower 11 are zero, and 6 take the shift.
    bits = int(significand * 2.0**64)
    return bits >> 32, (bits & 0xFFFFFFFF) | (32 - exponent)


def format_scale(scale: float) -> str:
    """A multiplier as the initializer of a `td_scale`."""
    high, fraction = split_scale(scale)
    return f"{{0x{high:08X}U, 0x{fraction:08X}U}}"
