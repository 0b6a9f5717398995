"""C text that ops with windows share: both convolutions with their constants, both pools."""

from __future__ import annotations

from tinydeploy.codegen.c_data import format_array, format_elements, format_struct
from tinydeploy.codegen.layer import LayerCode, LayerContext
from tinydeploy.errors import InternalError
from tinydeploy.graph.convolution import Convolution
from tinydeploy.graph.ops.max_pool_2d import MaxPool2D
from tinydeploy.graph.pooling import Pooling
from tinydeploy.graph.windowed import Windowed

Fields = dict[str, int | str]

MAX_TAPS = 1 << 16
"""Products per output that an int32 sum has room for: 65536 * 128 * 255 < 2^31."""


def emit_convolution(
    op: Convolution, stem: str, fields: Fields, taps: int, context: LayerContext
) -> LayerCode:
    """Writes a convolution.

    Args:
        op: The convolution.
        stem: Its kernel's name without "_s8", also that of the parameter struct.
        fields: Fields of the struct besides constants and offsets.
        taps: Products per output.
        context: Names and expressions to use.
    """
    if taps > MAX_TAPS:
        raise InternalError(f"{taps} products per output do not fit in an int32")
    prefix = context.prefix
    pool = emit_pool(op, context)
    parameters: Fields = {
        "weights": f"{prefix}_weights",
        **channel_fields(op, prefix),
        **({"pool": f"&{prefix}_pool" if pool else "NULL"} if op.takes_pool else {}),
        **fields,
        "input_offset": -op.input_zero_point,
        "output_offset": op.output_zero_point,
    }
    weights = format_array("int8_t", f"{prefix}_weights", op.weights)
    source, result = context.tensors[op.inputs[0]], context.tensors[op.outputs[0]]
    scratch = f", {context.scratch}" if op.takes_pool else ""
    return LayerCode(
        kernels=(f"{stem}_s8",),
        constants=weights + format_channels(op, prefix),
        parameters=pool + format_struct(f"td_{stem}", f"{prefix}_op", parameters),
        call=f"td_{stem}_s8(&{prefix}_op, {source}, {result}, first, last{scratch});",
    )


def emit_pool(op: Convolution, context: LayerContext) -> str:
    """The struct of the pool behind a convolution, `<prefix>_pool`; empty where there is none."""
    if op.pool is None:
        return ""
    height, width, _ = op.row_shape(context.graph)
    fields = max_pool_fields(op.pool, height, width)
    return format_struct("td_max_pool_2d", f"{context.prefix}_pool", fields)


def window_fields(op: Windowed) -> Fields:
    """The fields that say where a convolution's windows lie."""
    return {
        "kernel_height": op.kernel[0],
        "kernel_width": op.kernel[1],
        "stride_height": op.stride[0],
        "stride_width": op.stride[1],
        "dilation_height": op.dilation[0],
        "dilation_width": op.dilation[1],
        "pad_top": op.padding[0],
        "pad_left": op.padding[1],
    }


def pool_fields(op: Pooling) -> Fields:
    """The fields that the structs of both pools share, in order but for the bounds at their end."""
    return {
        "kernel_height": op.kernel[0],
        "kernel_width": op.kernel[1],
        "stride_height": op.stride[0],
        "stride_width": op.stride[1],
        "pad_top": op.padding[0],
        "pad_left": op.padding[1],
    }


def max_pool_fields(op: MaxPool2D, in_height: int, in_width: int) -> Fields:
    """The fields of a `td_max_pool_2d` that pools a tensor of this height and width."""
    return {
        **pool_fields(op),
        "in_height": in_height,
        "in_width": in_width,
        "low": op.low,
        "high": op.high,
    }


def format_channels(op: Convolution, prefix: str, c_type: str = "td_channel") -> str:
    """The constants of a convolution's channels, `<prefix>_channels`, and `<prefix>_highs`.

    Args:
        op: The convolution; of another type of channels, it has that type's bias and shift.
        prefix: Of the arrays' names.
        c_type: td_channel, or one with the same fields.
    """
    columns = (op.bias, op.multiplier, op.shift, op.low)
    rows = zip(*(column.tolist() for column in columns), strict=True)
    texts = [f"{{{', '.join(map(str, row))}}}" for row in rows]
    highs = op.high if _high_step(op) else op.high[:1]
    return format_elements(c_type, f"{prefix}_channels", texts) + format_array(
        "int8_t", f"{prefix}_highs", highs
    )


def channel_fields(op: Convolution, prefix: str) -> Fields:
    """The fields that name what `format_channels` writes."""
    return {
        "channels": f"{prefix}_channels",
        "highs": f"{{{prefix}_highs, {_high_step(op)}}}",
    }


def _high_step(op: Convolution) -> int:
    """1 where channels have upper bounds of their own, 0 where one serves for all."""
    return int((op.high != op.high[0]).any())
