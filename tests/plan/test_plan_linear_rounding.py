"""Linear rounding equals the function it replaces, for every accumulator."""

from __future__ import annotations

import numpy as np
import pytest

from tinydeploy.graph.fixed_point import multiply_double_rounding, quantize_multiplier, round_array
from tinydeploy.plan.linear_rounding import Int64, find_steps, fit_linear


def every(low: int, high: int) -> Int64:
    return np.arange(low, high + 1, dtype=np.int64)[None, :]


@pytest.mark.parametrize("seed", range(5))
def test_steps_are_where_the_function_rises(seed: int) -> None:
    rng = np.random.default_rng(seed)
    scale, zero = float(rng.uniform(0.001, 3)), int(rng.integers(-128, 128))
    low, high = int(rng.integers(-900, 300)), int(rng.integers(300, 900))

    def function(sums: Int64) -> Int64:
        return np.clip(round_array(sums * scale) + zero, -128, 127)

    steps = find_steps(function, np.array([low]), np.array([high]), range(-127, 128))
    outputs = function(every(low, high))[0]
    for value, first in zip(steps.values, steps.first[0], strict=True):
        reached = np.flatnonzero(outputs >= value)
        assert first == (low + reached[0] if len(reached) else high + 1)


RATIOS = [0.5, 0.25, 1 / 3, 1.0, 2.0**-12, 3 / 4096, 0.0017, 0.021, 0.3, 0.77]


@pytest.mark.parametrize("real", RATIOS)
@pytest.mark.parametrize("zero", [-128, -5, 127])
@pytest.mark.parametrize("twice", [False, True], ids=["in double", "twice rounded"])
def test_linear_form_is_exact(real: float, zero: int, twice: bool) -> None:
    """Halves above all: they are rounded away from zero on both sides of it."""
    reach = min(int(300 / real), 1 << 20)
    bounds = np.array([-reach]), np.array([reach])

    def function(sums: Int64) -> Int64:
        if twice:
            return np.clip(
                multiply_double_rounding(sums, *quantize_multiplier(real)) + zero, -128, 127
            )
        return np.clip(round_array(sums * real) + zero, -128, 127)

    steps = find_steps(function, *bounds, range(-127, 128))
    shift = 30 - int(np.ceil(np.log2(real)))
    multiplier = np.array([round(real * 2.0**shift)])
    linear = fit_linear(steps, multiplier, shift, 1 << 31)
    if linear is None:
        # Steps on both sides of zero need not lie on one line where rounding is done twice.
        assert twice
        return
    sums = every(-reach, reach)
    for addend in (linear.least, linear.most):
        outputs = (sums * linear.multiplier[:, None] + addend[:, None]) >> shift
        assert np.array_equal(np.clip(outputs, -128, 127), function(sums))
    for addend in (linear.least - 1, linear.most + 1):
        outputs = (sums * linear.multiplier[:, None] + addend[:, None]) >> shift
        assert not np.array_equal(np.clip(outputs, -128, 127), function(sums))


def test_bounds_leave_out_steps() -> None:
    """Where outputs are bounded below by the zero point, steps below it do not matter."""

    def function(sums: Int64) -> Int64:
        return np.clip(multiply_double_rounding(sums, 1 << 30, -6), 0, 127)

    low, high = np.array([-9000]), np.array([20000])
    steps = find_steps(function, low, high, range(1, 128))
    linear = fit_linear(steps, np.array([1 << 30]), 37, 1 << 31)
    assert linear is not None
    sums = every(-9000, 20000)
    outputs = (sums * linear.multiplier[:, None] + linear.least[:, None]) >> 37
    assert np.array_equal(np.clip(outputs, 0, 127), function(sums))


def test_what_does_not_fit() -> None:
    def function(sums: Int64) -> Int64:
        return np.where(sums < 0, sums, 3 * sums)  # bent at 0

    steps = find_steps(function, np.array([-50]), np.array([50]), range(-40, 41))
    assert fit_linear(steps, np.array([1 << 20]), 20, 1 << 31) is None
