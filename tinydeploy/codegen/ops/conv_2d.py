"""CONV_2D as a call of td_conv_2d_s8, or of its forms _gemm_s8, _pair_s8 or _dense_s8."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
from numpy.typing import NDArray

from tinydeploy.codegen.c_data import format_array, format_struct
from tinydeploy.codegen.layer import LayerCode, LayerContext, SharedCall
from tinydeploy.codegen.ops.fully_connected import pack_weights as pack_matrix
from tinydeploy.codegen.window import (
    Fields,
    channel_fields,
    emit_convolution,
    emit_pool,
    format_channels,
    window_fields,
)
from tinydeploy.graph.ops.conv_2d import Conv2D
from tinydeploy.plan.kernel_choice.conv_2d import GemmKernel
from tinydeploy.plan.kernel_choice.conv_2d_dense import DenseKernel
from tinydeploy.plan.kernel_choice.conv_2d_pair import PairKernel
from tinydeploy.plan.requantization import settle_channels

_TAPS = 4  # neighbouring taps of a channel
_WIDEN_WEIGHTS = {
    "single": "td_widen_weights",
    "paired": "td_widen_weights",
    "square": "td_widen_weights_of_two",
    "direct": "NULL",
}


def emit_layer(op: Conv2D, context: LayerContext) -> LayerCode:
    """Writes the C text of a convolution."""
    if isinstance(context.kernel, GemmKernel):
        return _emit_gemm(op, context.kernel, context)
    if isinstance(context.kernel, PairKernel):
        return _emit_pair(op, context.kernel, context)
    if isinstance(context.kernel, DenseKernel):
        return _emit_dense(op, context.kernel, context)
    taps = op.weights[0].size
    return emit_convolution(op, "conv_2d", window_fields(op), taps, context)


def _emit_gemm(op: Conv2D, kernel: GemmKernel, context: LayerContext) -> LayerCode:
    op = settle_channels(op)
    prefix = context.prefix
    variant = kernel.form if kernel.finish == "plain" else f"{kernel.form}_{kernel.finish}"
    source, result = op.inputs[0], op.outputs[0]
    rows = context.graph.tensors[source].rows
    pointwise = op.kernel == op.stride == (1, 1) and rows[:2] == op.row_shape(context.graph)[:2]
    stem = is_stem(op) and kernel.group == 2
    pool = emit_pool(op, context)
    parameters: Fields = {
        "weights": f"{prefix}_weights",
        **channel_fields(op, prefix),
        "pool": f"&{prefix}_pool" if pool else "NULL",
        "multiply": f"td_gemm_{variant}",
        "widen_weights": _WIDEN_WEIGHTS[kernel.form],
        "widen_rows": "td_widen_3x3x3" if stem else "NULL",
        "widen_apart": "NULL" if kernel.group == 2 else "td_widen_pixels_apart",
        "finish_sums": "td_conv_2d_gemm_finish" if kernel.finish == "sums" else "NULL",
        "clamped": int(kernel.finish == "clamped"),
        "pointwise": int(pointwise),
        "depth": kernel.depth,
        "pixels": kernel.pixels,
        "block": kernel.block,
        "group": kernel.group,
        **window_fields(op),
        "input_zero_point": op.input_zero_point,
        "output_offset": op.output_zero_point,
    }
    taps = order_stem(op.weights) if stem else op.weights
    pack = pack_direct if kernel.form == "direct" else pack_weights
    weights = pack(taps, kernel.depth, kernel.block)
    constants = format_array("int8_t", f"{prefix}_weights", weights, align=4)
    constants += format_channels(_fold_zero_point(op), prefix)
    function = f"td_conv_2d_gemm{'_pooled' if pool else ''}_s8"
    call = f"&{prefix}_op, {context.tensors[source]}, {context.tensors[result]}, first, last"
    return LayerCode(
        kernels=(kernel.stem, "cores/gemm_s8", "cores/gemm_widen_s8"),
        constants=constants,
        parameters=pool + format_struct("td_conv_2d_gemm", f"{prefix}_op", parameters),
        call=f"{function}({call}, {context.scratch});",
        shared=SharedCall(function, "td_conv_2d_gemm"),
    )


def _emit_pair(op: Conv2D, kernel: PairKernel, context: LayerContext) -> LayerCode:
    op = settle_channels(op)
    prefix = context.prefix
    pool = emit_pool(op, context)
    parameters: Fields = {
        "weights": f"{prefix}_weights",
        **channel_fields(op, prefix),
        "pool": f"&{prefix}_pool" if pool else "NULL",
        "multiply": f"td_pair_{'wide' if kernel.wide else 'narrow'}{'_clamped' * kernel.clamped}",
        "depth": kernel.depth,
        "wide": int(kernel.wide),
        **window_fields(op),
        "input_zero_point": op.input_zero_point,
        "output_offset": op.output_zero_point,
    }
    weights = pack_direct(pair_channels(op.weights), kernel.depth, 2)
    function = f"td_conv_2d_pair{'_pooled' if pool else ''}_s8"
    source, result = context.tensors[op.inputs[0]], context.tensors[op.outputs[0]]
    call = f"&{prefix}_op, {source}, {result}, first, last"
    return LayerCode(
        kernels=(kernel.stem, "cores/pair"),
        constants=format_array("int8_t", f"{prefix}_weights", weights, align=4)
        + format_channels(_fold_zero_point(op, lift=0, scale=1), prefix),
        parameters=pool + format_struct("td_conv_2d_pair", f"{prefix}_op", parameters),
        call=f"{function}({call}, {context.scratch});",
        shared=SharedCall(function, "td_conv_2d_pair"),
    )


def _emit_dense(op: Conv2D, kernel: DenseKernel, context: LayerContext) -> LayerCode:
    prefix = context.prefix
    matrix = op.weights.reshape(len(op.weights), -1)
    weights, extra = pack_matrix(matrix, joint=True)
    # The core loop gives 256 times the sum, and `extra` more; its fraction is rounded down.
    bias = op.bias - op.input_zero_point * matrix.sum(axis=1, dtype=np.int64) - (extra >> 8)
    folded = replace(op, bias=bias.astype(np.uint32).astype(np.int32))
    parameters: Fields = {
        "weights": f"{prefix}_weights",
        **channel_fields(op, prefix),
        "depth": matrix.shape[1],
        "output_offset": op.output_zero_point,
    }
    source, result = context.tensors[op.inputs[0]], context.tensors[op.outputs[0]]
    return LayerCode(
        kernels=(kernel.stem, "cores/dense_joint"),
        constants=format_array("int8_t", f"{prefix}_weights", weights, align=4)
        + format_channels(folded, prefix),
        parameters=format_struct("td_conv_2d_dense", f"{prefix}_op", parameters),
        call=f"td_conv_2d_dense_s8(&{prefix}_op, {source}, {result}, first, last, "
        f"{context.scratch});",
    )


def pair_channels(weights: NDArray[np.int8]) -> NDArray[np.int8]:
    """Weights [channels, ...]; of an odd number, the last but one comes twice, before the last."""
    return np.concatenate([weights[:-1], weights[-2:]]) if len(weights) % 2 else weights


def is_stem(op: Conv2D) -> bool:
    """Whether the taps of its pixels are gathered by td_widen_3x3x3: 3x3 over 3 channels."""
    return op.weights.shape[1:] == (3, 3, 3) and op.dilation[1] == 1


def order_stem(weights: NDArray[np.int8]) -> NDArray[np.int8]:
    """Weights [channels, 3, 9] in the order of td_widen_3x3x3: [channels, 27]."""
    rows = weights.reshape(-1, 3, 9)
    return np.concatenate([rows[:, :, :8].reshape(-1, 24), rows[:, :, 8]], axis=1)


def pack_weights(weights: NDArray[np.int8], depth: int, block: int) -> NDArray[np.int8]:
    """Weights by blocks of channels and 4 taps, both padded with zeros, and 8 bytes read ahead.

    Args:
        weights: int8 [channels, ...taps].
        depth: Taps with padding, a multiple of 4.
        block: Channels of a block.

    Returns:
        int8, flat, of [channels / block, depth / 4, block channels, 4 taps], and the 8 bytes.
    """
    blocks = _pad(weights, depth, block).reshape(-1, block, depth // _TAPS, _TAPS)
    return np.append(blocks.transpose(0, 2, 1, 3), np.zeros(8, np.int8))


def pack_direct(weights: NDArray[np.int8], depth: int, block: int) -> NDArray[np.int8]:
    """Weights as td_gemm_direct takes them, and 8 bytes; arguments as of pack_weights.

    Returns:
        int8, flat: for each 4 taps of channels a and b the bytes a0 b0 a2 b2 a1 b1 a3 b3.
    """
    # [.., channel, .., which half of a pair, which pair]
    blocks = _pad(weights, depth, block).reshape(-1, block, depth // _TAPS, 2, 2)
    return np.append(blocks.transpose(0, 2, 4, 3, 1), np.zeros(8, np.int8))


def _pad(weights: NDArray[np.int8], depth: int, block: int) -> NDArray[np.int8]:
    """[channels, depth], the channels a multiple of the block."""
    flat = weights.reshape(len(weights), -1)
    padded = np.zeros((-(-len(flat) // block) * block, depth), np.int8)
    padded[: flat.shape[0], : flat.shape[1]] = flat
    return padded


def _fold_zero_point(op: Conv2D, lift: int = 128, scale: int = 2) -> Conv2D:
    """The convolution with the biases that the core loop begins with.

    sum w * (x - zero point) + bias = sum w * (x + lift) + (bias - (lift + zero point) * sum w), and
    all of it times `scale`. Sums are taken modulo 2^32, so a bias may be, too.
    """
    total = op.weights.reshape(op.channels, -1).sum(axis=1, dtype=np.int64)
    bias = scale * (op.bias.astype(np.int64) - (lift + op.input_zero_point) * total)
    return replace(op, bias=bias.astype(np.uint32).view(np.int32))
