"""Linear sums equal the reference for every pair of bytes, and are found for scales as they are."""

from __future__ import annotations

import itertools

import numpy as np
import pytest

from tinydeploy.graph.fixed_point import multiply_double_rounding, quantize_multiplier
from tinydeploy.graph.ops.add import Add
from tinydeploy.graph.scaled_sum import ScaledSum
from tinydeploy.plan.linear_sum import LinearSum, fit_linear_sum

Scales = tuple[float, float, float]


def make_sum(
    scales: Scales,
    zeros: tuple[int, int, int],
    *,
    signs: tuple[int, int] = (1, 1),
    bounds: tuple[int, int] = (-128, 127),
) -> ScaledSum:
    twice_max = 2 * max(scales[:2])
    (m1, s1), (m2, s2) = (quantize_multiplier(scale / twice_max) for scale in scales[:2])
    multiplier, shift = quantize_multiplier(twice_max / ((1 << 20) * scales[2]))
    return Add(
        index=0,
        inputs=(0, 1),
        outputs=(2,),
        constant=None,
        zero_points=zeros[:2],
        signs=signs,
        multipliers=(m1, m2),
        shifts=(s1, s2),
        output_multiplier=multiplier,
        output_shift=shift,
        output_zero_point=zeros[2],
        low=bounds[0],
        high=bounds[1],
    )


def check_exact(op: ScaledSum, linear: LinearSum) -> None:
    scaled = [op.scaled_operand(which).astype(np.int64) for which in (0, 1)]
    sums = scaled[0][:, None] + scaled[1][None, :]
    wanted = multiply_double_rounding(sums, op.output_multiplier, op.output_shift)
    wanted = np.clip(wanted + op.output_zero_point, op.low, op.high)
    values = np.arange(-128, 128, dtype=np.int64)
    one, two = ((factor * values) >> 8 for factor in linear.factors)
    total = one[:, None] + two[None, :] + linear.addend
    assert np.abs(total).max() < 1 << 31
    assert max(map(abs, linear.factors)) < 1 << 31
    assert np.array_equal(np.clip(total >> linear.shift, linear.low, linear.high), wanted)


@pytest.mark.parametrize("seed", range(20))
def test_measured_scales(seed: int) -> None:
    rng = np.random.default_rng(seed)
    one, two, out = np.exp(rng.uniform(np.log(0.02), np.log(0.2), 3)).astype(np.float32).tolist()
    zeros = rng.integers(-128, 128, 3).tolist()
    bounds = [(-128, 127), (zeros[2], 127), (-128, 100)][seed % 3]
    op = make_sum((one, two, out), tuple(zeros), signs=[(1, 1), (1, -1)][seed % 2], bounds=bounds)
    linear = fit_linear_sum(op)
    assert linear is not None
    check_exact(op, linear)


@pytest.mark.parametrize("powers", [*itertools.product((-3, -1, 0, 2), repeat=2)], ids=str)
def test_powers_of_two(powers: tuple[int, int]) -> None:
    for zeros in ((0, 0, 0), (-128, 3, -128), (5, -128, -3)):
        op = make_sum((2.0 ** powers[0], 2.0 ** powers[1], 1.0), zeros)
        linear = fit_linear_sum(op)
        assert linear is not None
        check_exact(op, linear)


def test_none_rather_than_a_wrong_one() -> None:
    """Halves in which the reference's roundings go either way; factors that leave no room."""
    assert fit_linear_sum(make_sum((0.05, 0.07, 0.08), (3, -9, 1))) is None
    assert fit_linear_sum(make_sum((1.0, 1.0, 1e-3), (0, 0, 0))) is None
