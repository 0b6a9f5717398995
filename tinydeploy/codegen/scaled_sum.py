"""The `td_add` struct, which ADD and SUB share."""

from __future__ import annotations

from tinydeploy.graph.scaled_sum import LEFT_SHIFT, ScaledSum


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
