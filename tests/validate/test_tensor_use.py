"""Ranges, saturation and dead channels of int8 tensors, counted over all inputs."""

from __future__ import annotations

import numpy as np
import pytest
from builders import ModelBuilder
from litert import run_litert

from tinydeploy.validate.tensor_use import measure_use

RNG = np.random.default_rng(0)


def test_counts_are_those_of_all_outputs():
    b = ModelBuilder(0)
    x = b.input((4, 4, 3))
    model = b.finish([b.conv(x, 5, (1, 1))])
    inputs = RNG.integers(-128, 128, (3, 1, 4, 4, 3)).astype(np.int8)
    (use,) = measure_use(model, [inputs])
    outputs = np.stack([run_litert(model, [each])[0] for each in inputs])
    assert use.builtin == "CONV_2D"
    assert use.channels == 5
    assert sum(use.counts) == outputs.size
    np.testing.assert_array_equal(
        use.counts, np.bincount(outputs.ravel().astype(int) + 128, minlength=256)
    )
    assert (use.low, use.high) == (outputs.min(), outputs.max())
    assert use.used == (use.high - use.low + 1) / 256
    assert use.saturated == ((outputs == -128) | (outputs == 127)).mean()
    by_channel = outputs.reshape(-1, 5)
    assert use.dead == tuple(np.flatnonzero(np.ptp(by_channel.astype(int), axis=0) == 0))


@pytest.mark.parametrize(
    ("activation", "zero_point", "ends"),
    [("NONE", 3, "both"), ("RELU", -128, "high"), ("RELU6", -128, "none"), ("RELU", 3, "high")],
)
def test_an_activation_function_does_not_saturate(activation, zero_point, ends):
    """A convolution of large outputs: all beyond the range, at the ends."""
    b = ModelBuilder(1)
    x = b.input((4, 4, 3))
    y = b.conv(x, 5, (1, 1), activation=activation, scale=1e-4, zero_point=zero_point)
    inputs = RNG.integers(-128, 128, (3, 1, 4, 4, 3)).astype(np.int8)
    use = measure_use(b.finish([y]), [inputs])[-1]
    low, high = (use.counts[k] / sum(use.counts) for k in (0, -1))
    assert low + high > 0.3
    if ends == "none":
        assert use.saturated == 0
    elif ends == "high":
        assert use.saturated == pytest.approx(high)
    else:
        assert use.saturated == pytest.approx(low + high)


def test_dead_channels_and_constants():
    """A convolution of a constant: every channel holds one number; weights are no tensors."""
    b = ModelBuilder(2)
    x = b.input((4, 4, 3))
    y = b.conv(x, 5, (1, 1))
    uses = measure_use(
        b.finish([b.softmax(b.reshape(y, (1, 80)))]), [np.zeros((2, 1, 4, 4, 3), np.int8)]
    )
    assert [use.builtin for use in uses] == ["CONV_2D", "RESHAPE", "SOFTMAX"]
    assert uses[0].dead == (0, 1, 2, 3, 4)
    assert uses[2].saturated == 0
