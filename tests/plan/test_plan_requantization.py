"""Whether the kernels' requantization is exact where it is said to be."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import assume, given, settings
from hypothesis import strategies as st
from numpy.typing import NDArray

from tinydeploy.graph.fixed_point import clamp, multiply_double_rounding
from tinydeploy.graph.ops.conv_2d import Conv2D
from tinydeploy.plan.requantization import is_clamped, requantizes_exactly, settle_channels

INT32 = 2**31


def convolution(
    weights: list[int], bias: int, multiplier: int, shift: int, zeros: tuple[int, int], low: int
) -> Conv2D:
    """One output channel, 1x1."""
    return Conv2D(
        index=0,
        inputs=(0,),
        outputs=(1,),
        weights=np.array(weights, np.int8).reshape(1, 1, 1, -1),
        bias=np.array([bias], np.int32),
        stride=(1, 1),
        dilation=(1, 1),
        padding=(0, 0, 0, 0),
        input_zero_point=zeros[0],
        output_zero_point=zeros[1],
        multiplier=np.array([multiplier], np.int32),
        shift=np.array([shift], np.int32),
        low=np.array([low], np.int8),
        high=np.array([127], np.int8),
    )


def accumulators(op: Conv2D, rng: np.random.Generator) -> NDArray[np.int64]:
    """Sums of products of many inputs, the two extreme ones among them."""
    weights = op.weights.reshape(-1).astype(np.int64)
    inputs = rng.integers(-128, 128, (200, len(weights)))
    inputs[0] = np.where(weights > 0, 127, -128)
    inputs[1] = np.where(weights > 0, -128, 127)
    return np.asarray((inputs - op.input_zero_point) @ weights + int(op.bias[0]))


def reference(op: Conv2D, acc: NDArray[np.int64]) -> NDArray[np.int8]:
    value = multiply_double_rounding(acc, op.multiplier[0], op.shift[0]) + op.output_zero_point
    return clamp(value, op.low[0], op.high[0])


def fast(op: Conv2D, acc: NDArray[np.int64]) -> NDArray[np.int8]:
    """What the kernels compute, each step checked for overflow."""
    doubled, shift = 2 * acc, -int(op.shift[0])
    low = int(op.low[0]) if is_clamped(op) else 0
    addend = (2 * (op.output_zero_point - low) + 1) << (shift - 1)
    high = (doubled * int(op.multiplier[0]) + INT32) >> 32
    total = high + addend - (acc < 0)
    for step in (doubled, np.array([addend]), total):
        assert (np.abs(step) < INT32).all()
    value = total >> shift
    if is_clamped(op):
        return clamp(np.clip(value, 0, 255) + low, op.low[0], op.high[0])
    return clamp(value, -128, 127)


@settings(max_examples=400, deadline=None)
@given(
    weights=st.lists(st.integers(-128, 127), min_size=1, max_size=12),
    bias=st.integers(-(2**31), 2**31 - 1) | st.integers(-9000, 9000),
    multiplier=st.integers(2**30, 2**31 - 1) | st.just(0) | st.just(2**30),
    shift=st.integers(-31, 3),
    zeros=st.tuples(st.integers(-128, 127), st.integers(-128, 127)),
    low=st.just(-128) | st.integers(-128, 127),
    seed=st.integers(0, 2**32),
)
def test_exact_where_it_is_said(
    weights: list[int],
    bias: int,
    multiplier: int,
    shift: int,
    zeros: tuple[int, int],
    low: int,
    seed: int,
) -> None:
    op = convolution(weights, bias, multiplier, shift if multiplier else 0, zeros, low)
    acc = accumulators(op, np.random.default_rng(seed))
    assume((np.abs(acc) << max(shift, 0) < INT32).all())
    expected = reference(op, acc)
    settled = settle_channels(op)
    other = accumulators(settled, np.random.default_rng(seed))
    np.testing.assert_array_equal(reference(settled, other), expected)
    if requantizes_exactly(settled):
        np.testing.assert_array_equal(fast(settled, other), expected)


@pytest.mark.parametrize(
    ("multiplier", "shift", "bias", "exact"),
    [
        (1 << 30, -1, 0, True),
        (1 << 30, 0, 0, False),  # a real multiplier of one half
        (1 << 30, -8, 0, True),
        (1 << 30, -22, (1 << 30) - (1 << 21), False),  # |acc| reaches 2^30
        (0, 0, -(1 << 31), True),  # never varies
        ((1 << 31) - 1, -31, 1 << 29, True),  # nor does this
    ],
)
def test_limits(multiplier: int, shift: int, bias: int, exact: bool) -> None:
    weights = [127] * 256  # sums spread over 2^23
    op = convolution(weights, bias, multiplier, shift, (0, -100), -128)
    assert requantizes_exactly(settle_channels(op)) is exact
