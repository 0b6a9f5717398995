from __future__ import annotations

import math
from fractions import Fraction

import numpy as np
import pytest

from tinydeploy.errors import InternalError
from tinydeploy.graph.exponential import exp_on_negative_values
from tinydeploy.graph.fixed_point import (
    activation_bounds,
    multiply_double_rounding,
    multiply_single_rounding,
    quantize_multiplier,
    quantize_multipliers,
    round_array,
    round_away,
    rounding_divide_by_pot,
    saturating_rounding_doubling_high_mul,
)

HALF_BELOW = 0.49999999999999994  # the largest double below 1/2


def nearest(value: Fraction, *, ties: str) -> int:
    """The nearest integer by definition; ties go "up" (towards plus infinity) or "away" from 0."""
    floor = math.floor(value)
    rest = value - floor
    if rest == Fraction(1, 2):
        return floor + 1 if ties == "up" or value > 0 else floor
    return floor + (rest > Fraction(1, 2))


@pytest.mark.parametrize(
    ("value", "rounded"),
    [(0.5, 1), (-0.5, -1), (1.5, 2), (2.5, 3), (-2.5, -3), (HALF_BELOW, 0), (-HALF_BELOW, 0),
     (2.4999, 2), (2.0**52 + 1, 2**52 + 1), (0.0, 0)],
)  # fmt: skip
def test_rounding_goes_away_from_zero(value, rounded):
    assert round_away(value) == rounded
    assert round_array([value])[0] == rounded


@pytest.mark.parametrize(
    ("real", "multiplier", "shift"),
    [
        (1.0, 1 << 30, 1),
        (0.5, 1 << 30, 0),
        (0.25, 1 << 30, -1),
        (3.0, 3 << 29, 2),
        (0.0, 0, 0),
        (2.0**-32, 1 << 30, -31),
        (2.0**-33, 0, 0),  # flushed
        (1 - 2.0**-40, 1 << 30, 1),  # the significand rounds up to 1
        (2.0**29, 1 << 30, 30),
    ],
)
def test_multipliers_are_split(real, multiplier, shift):
    assert quantize_multiplier(real) == (multiplier, shift)
    multipliers, shifts = quantize_multipliers([real, real])
    assert (multipliers.tolist(), shifts.tolist()) == ([multiplier] * 2, [shift] * 2)


def test_multipliers_are_within_half_a_unit():
    reals = np.exp(np.random.default_rng(1).uniform(-21, 20, 2000))
    multipliers, shifts = quantize_multipliers(reals)
    for real, multiplier, shift in zip(reals, multipliers, shifts, strict=True):
        assert (multiplier, shift) == quantize_multiplier(float(real))
        assert (1 << 30) <= multiplier < (1 << 31)
        scaled = Fraction(float(real)) * Fraction(2) ** (31 - int(shift))
        assert abs(scaled - int(multiplier)) <= Fraction(1, 2)


@pytest.mark.parametrize("real", [-1.0, math.nan, math.inf])
def test_senseless_multipliers_are_refused(real):
    with pytest.raises(InternalError):
        quantize_multiplier(real)
    with pytest.raises(InternalError):
        quantize_multipliers([1.0, real])


EDGES = [0, 1, -1, 2, -3, (1 << 30) - 1, 1 << 30, -(1 << 30), 2**31 - 1, -(2**31) + 1, -(2**31)]


def test_high_multiplication_rounds_ties_up():
    for a in EDGES:
        for b in EDGES:
            exact = nearest(Fraction(a * b, 1 << 31), ties="up")
            assert saturating_rounding_doubling_high_mul(a, b) == min(exact, 2**31 - 1), (a, b)


def test_division_rounds_ties_away():
    rng = np.random.default_rng(2)
    values = [*EDGES, *rng.integers(-(2**31), 2**31, 200).tolist(), *range(-9, 10)]
    for exponent in (0, 1, 2, 7, 30, 31):
        got = rounding_divide_by_pot(values, exponent)
        for value, result in zip(values, got, strict=True):
            assert result == nearest(Fraction(value, 1 << exponent), ties="away"), (value, exponent)


def test_two_roundings_are_two():
    rng = np.random.default_rng(3)
    for _ in range(500):
        x, multiplier = int(rng.integers(-(2**20), 2**20)), int(rng.integers(1 << 30, 1 << 31))
        shift = int(rng.integers(-20, 8))
        high = nearest(Fraction((x << max(shift, 0)) * multiplier, 1 << 31), ties="up")
        exact = nearest(Fraction(high, 1 << max(-shift, 0)), ties="away")
        assert multiply_double_rounding(x, multiplier, shift) == exact


def test_one_rounding_is_one():
    rng = np.random.default_rng(4)
    for _ in range(500):
        x, multiplier = int(rng.integers(-(2**31), 2**31)), int(rng.integers(1 << 30, 1 << 31))
        shift = int(rng.integers(-31, 8))
        exact = nearest(Fraction(x * multiplier) / (1 << (31 - shift)), ties="up")
        assert multiply_single_rounding(x, multiplier, shift) == exact


def test_roundings_differ_where_they_should():
    # 5/4: 2.5 is a tie and becomes 3, 1.5 is one again and becomes 2; rounded once it is 1.
    assert multiply_double_rounding(5, 1 << 30, -1) == 2
    assert multiply_single_rounding(5, 1 << 30, -1) == 1
    # -3/2: a tie that goes up when rounded once, and up by the first of two roundings.
    assert multiply_single_rounding(-3, 1 << 30, 0) == -1
    assert multiply_double_rounding(-3, 1 << 30, 0) == -1
    # -6/4: -3 without rounding, then a tie that goes away from zero; rounded once it goes up.
    assert multiply_double_rounding(-6, 1 << 30, -1) == -2
    assert multiply_single_rounding(-6, 1 << 30, -1) == -1


@pytest.mark.parametrize(
    ("activation", "scale", "zero_point", "bounds"),
    [
        ("NONE", 0.1, 3, (-128, 127)),
        ("RELU", 0.1, 3, (3, 127)),
        ("RELU", 0.1, -128, (-128, 127)),
        ("RELU6", 0.1, -128, (-128, -68)),
        ("RELU6", 6 / 255, -128, (-128, 127)),
        ("RELU_N1_TO_1", 0.1, 0, (-10, 10)),
        ("RELU6", 4.0, 0, (0, 2)),  # 1.5 rounds away from zero
    ],
)
def test_activations_become_bounds(activation, scale, zero_point, bounds):
    assert activation_bounds(activation, float(np.float32(scale)), zero_point) == bounds


def test_exponential_is_close_and_monotonous():
    x = -np.arange(0, 31 << 26, 12345677)
    got = exp_on_negative_values(x).astype(np.int64)
    exact = np.exp(x / 2.0**26) * 2.0**31
    assert np.abs(got - exact).max() < 200  # of 2^31
    assert (np.diff(got) <= 0).all()
    assert got[0] == 2**31 - 1
