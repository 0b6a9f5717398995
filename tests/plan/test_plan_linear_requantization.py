"""Linear requantizations equal the reference for every input, and are found for scales as are."""

from __future__ import annotations

import itertools

import numpy as np
import pytest

from tinydeploy.graph.fixed_point import multiply_double_rounding, quantize_multiplier
from tinydeploy.graph.ops.requantize import Requantize
from tinydeploy.plan.linear_requantization import LinearRequantization, fit_requantization

INT8, INT16 = (-128, 127), (-(2**15), 2**15 - 1)


def make_op(real: float, zeros: tuple[int, int], bounds: tuple[int, int]) -> Requantize:
    multiplier, shift = quantize_multiplier(real)
    return Requantize(0, (0,), (1,), "QUANTIZE", *zeros, multiplier, shift, *bounds)


def check_exact(op: Requantize, dtype: str, linear: LinearRequantization) -> None:
    limits = np.iinfo(dtype)
    values = np.arange(limits.min, limits.max + 1, dtype=np.int64)
    wanted = multiply_double_rounding(values - op.input_zero_point, op.multiplier, op.shift)
    wanted = np.clip(wanted + op.output_zero_point, op.low, op.high)
    assert 0 <= linear.factor < 1 << 31
    assert 0 <= linear.left <= 15
    assert np.abs(values << linear.left).max() <= 1 << 30
    assert abs(linear.addend) < 1 << 62
    high = (linear.factor * (values << linear.left) + linear.addend) >> 32
    assert np.abs(high).max() < 1 << 31
    assert np.array_equal(np.clip(high >> linear.right, op.low, op.high), wanted)


@pytest.mark.parametrize("seed", range(8))
def test_scales_as_they_are(seed: int) -> None:
    """Of int8, and of int16 that reaches further."""
    rng = np.random.default_rng(seed)
    ratio = float(rng.uniform(64, 256))
    zero = int(rng.integers(-128, 128))
    for op, dtype in (
        (make_op(ratio, (zero, 0), INT16), "int8"),
        (make_op(1 / ratio, (0, zero), INT8), "int16"),
    ):
        linear = fit_requantization(op, dtype)
        assert linear is not None
        check_exact(op, dtype, linear)


def test_whatever_is_found_is_exact() -> None:
    reals = (2.0**-31, 1e-6, 2.0**-7, 0.004, 0.5, 0.75, 1.0, 1.5, 2.0, 300.0, 16000.0)
    found = 0
    for real, zero, low in itertools.product(reals, (-128, 0, 5), (-128, 0)):
        op = make_op(real, (0, zero), (low, 127))
        linear = fit_requantization(op, "int16")
        if linear is not None:
            found += 1
            check_exact(op, "int16", linear)
    assert found > 20


def test_rounding_twice_may_be_beyond_it() -> None:
    """With 2^-7, 63 / 128 is rounded up and -63 / 128 is not rounded down."""
    assert fit_requantization(make_op(2.0**-7, (0, 0), INT8), "int16") is None


def test_nothing_is_made_of_zero() -> None:
    assert fit_requantization(make_op(0.0, (0, 0), INT8), "int16") is None
