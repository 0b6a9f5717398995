"""What ADD and SUB share: the `td_add` struct, and the kernel that runs both."""

from __future__ import annotations

from tinydeploy.codegen.elementwise import emit_elementwise
from tinydeploy.codegen.layer import LayerCode, LayerContext
from tinydeploy.graph.scaled_sum import LEFT_SHIFT, ScaledSum
from tinydeploy.plan.linear_sum import LinearSum


def scaled_sum_fields(op: ScaledSum, *, swap: bool = False) -> dict[str, int | str]:
    """The fields of a `td_add`, its first input being operand 0, or operand 1 with `swap`."""
    one, other = (1, 0) if swap else (0, 1)
    return {
        "left_shift": LEFT_SHIFT,
        "input1_offset": -op.zero_points[one],
        "input1_multiplier": op.multipliers[one],
        "input1_shift": op.shifts[one],
        "input2_offset": -op.zero_points[other],
        "input2_multiplier": op.multipliers[other],
        "input2_shift": op.shifts[other],
        "output_offset": op.output_zero_point,
        "output_multiplier": op.output_multiplier,
        "output_shift": op.output_shift,
        "low": op.low,
        "high": op.high,
    }


def emit_linear_sum(op: ScaledSum, linear: LinearSum, context: LayerContext) -> LayerCode:
    """Writes a sum or a difference as a call of td_add_linear_s8."""
    fields: dict[str, int | str] = {
        "add": f"td_linear_sum_{linear.shift}",
        "sum": f"{{{linear.factors[0]}, {linear.factors[1]}, {linear.addend}}}",
        "shift": linear.shift,
        "low": linear.low,
        "high": linear.high,
    }
    cores = ("cores/linear_sum", "cores/bound")
    return emit_elementwise(op, "add_linear", "td_add_linear", fields, context, cores=cores)
