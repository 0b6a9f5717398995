"""MUL as a call of td_mul_s8 or td_mul_fours_s8."""

from __future__ import annotations

from tinydeploy.codegen.elementwise import bound_fields, emit_elementwise
from tinydeploy.codegen.layer import LayerCode, LayerContext
from tinydeploy.graph.ops.mul import Mul


def emit_layer(op: Mul, context: LayerContext) -> LayerCode:
    """Writes the C text of a product."""
    if context.kernel.stem == "mul_fours_s8":
        return _emit_fours(op, context)
    fields: dict[str, int | str] = {
        "input1_offset": -op.zero_points[0],
        "input2_offset": -op.zero_points[1],
        "output_offset": op.output_zero_point,
        "output_multiplier": op.multiplier,
        "output_shift": op.shift,
        "low": op.low,
        "high": op.high,
    }
    return emit_elementwise(op, "mul", "td_mul", fields, context)


def _emit_fours(op: Mul, context: LayerContext) -> LayerCode:
    shift = -op.shift
    addend = (op.output_zero_point << shift) + (1 << (shift - 1))
    numbers = (-op.zero_points[0], -op.zero_points[1], op.multiplier, addend, shift)
    fields: dict[str, int | str] = {
        "product": f"{{{', '.join(map(str, numbers))}}}",
        **bound_fields(op.low, op.high),
    }
    cores = ("cores/product", "cores/bound")
    return emit_elementwise(op, "mul_fours", "td_mul_fours", fields, context, cores=cores)
