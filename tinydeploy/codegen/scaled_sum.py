"""What ADD and SUB share: the `td_add` struct, and the fast kernels, which run both."""

from __future__ import annotations

from dataclasses import replace

from tinydeploy.codegen.c_data import format_array
from tinydeploy.codegen.elementwise import bound_fields, emit_elementwise
from tinydeploy.codegen.layer import LayerCode, LayerContext
from tinydeploy.graph.scaled_sum import LEFT_SHIFT, ScaledSum
from tinydeploy.plan.kernel_choice.add import LinearSumKernel
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


def emit_fast_sum(op: ScaledSum, context: LayerContext) -> LayerCode | None:
    """Writes a sum or a difference as the plan has chosen; None for the portable kernel."""
    if isinstance(context.kernel, LinearSumKernel):
        return _emit_linear_sum(op, context.kernel.linear, context)
    return _emit_tables(op, context) if context.kernel.stem == "add_table_s8" else None


def _emit_tables(op: ScaledSum, context: LayerContext) -> LayerCode:
    names = [f"{context.prefix}_table{which + 1}" for which in (0, 1)]
    shift = -op.output_shift
    fields: dict[str, int | str] = {
        "table1": names[0],
        "table2": names[1],
        "multiplier": op.output_multiplier,
        "addend": (op.output_zero_point << shift) + (1 << (shift - 1)),
        "shift": shift,
        **bound_fields(op.low, op.high),
    }
    code = emit_elementwise(
        op, "add_table", "td_add_table", fields, context, cores=("cores/bound",)
    )
    tables = (
        format_array("int32_t", name, 2 * op.scaled_operand(which))
        for which, name in enumerate(names)
    )
    return replace(code, constants=code.constants + "".join(tables))


def _emit_linear_sum(op: ScaledSum, linear: LinearSum, context: LayerContext) -> LayerCode:
    fields: dict[str, int | str] = {
        "add": f"td_linear_sum_{linear.shift}",
        "sum": f"{{{linear.factors[0]}, {linear.factors[1]}, {linear.addend}}}",
        "shift": linear.shift,
        **bound_fields(linear.low, linear.high),
    }
    cores = ("cores/linear_sum", "cores/bound")
    return emit_elementwise(op, "add_linear", "td_add_linear", fields, context, cores=cores)
