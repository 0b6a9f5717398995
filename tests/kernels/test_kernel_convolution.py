"""CONV_2D and DEPTHWISE_CONV_2D against the reference."""

from __future__ import annotations

import itertools
from pathlib import Path

import numpy as np
from differential import check_batch
from kernel_batch import Batch
from kernel_cases import add_both, add_convolution


def test_windows(tmp_path: Path) -> None:
    batch = Batch(1)
    kernels = [(1, 1), (3, 3), (2, 5), (5, 2), (1, 3), (4, 4)]
    strides = [(1, 1), (2, 2), (1, 3), (3, 1)]
    for kernel, stride, padding in itertools.product(kernels, strides, ("SAME", "VALID")):
        add_both(batch, kernel=kernel, stride=stride, padding=padding, size=(7, 6))
    for dilation, padding in itertools.product([(2, 2), (1, 3), (3, 1)], ("SAME", "VALID")):
        add_both(batch, dilation=dilation, padding=padding, size=(9, 8))
        add_both(batch, dilation=dilation, padding=padding, size=(9, 8), kernel=(2, 2))
    check_batch(batch, tmp_path)


def test_windows_larger_than_the_image(tmp_path: Path) -> None:
    batch = Batch(2)
    for size, kernel in itertools.product([(1, 1), (1, 4), (2, 3)], [(3, 3), (5, 5), (7, 2)]):
        add_both(batch, size=size, kernel=kernel)
        add_both(batch, size=size, kernel=kernel, dilation=(4, 4))
        add_both(batch, size=size, kernel=kernel, stride=(2, 2))
        add_both(batch, size=size, kernel=kernel, stride=(5, 5))
    check_batch(batch, tmp_path)


def test_channels(tmp_path: Path) -> None:
    batch = Batch(3)
    for depth in range(1, 18):
        add_convolution(batch, depth=depth, channels=18 - depth, size=(3, 4))
        add_convolution(batch, depth=depth, channels=18 - depth, size=(3, 4), kernel=(1, 1))
        add_convolution(batch, depth=depth, multiplier=1, size=(3, 4))
    for depth, multiplier in itertools.product([1, 2, 3, 5], [2, 3, 4, 8]):
        add_convolution(batch, depth=depth, multiplier=multiplier)
        add_convolution(batch, depth=depth, multiplier=multiplier, stride=(2, 2), dilation=(1, 1))
    check_batch(batch, tmp_path)


def test_numbers(tmp_path: Path) -> None:
    batch = Batch(4)
    zeros = [-128, 127, 0]
    for pair in itertools.product(zeros, zeros):
        add_both(batch, zeros=pair)
    for activation in ("NONE", "RELU", "RELU6", "RELU_N1_TO_1"):
        add_both(batch, activation=activation, per_channel=False)
        add_both(batch, activation=activation, gain=3.0)
    # Multipliers from 2^-20 to above 2^8: left shifts, and every kind of saturation.
    for exponent in range(-12, 20, 2):
        add_both(batch, gain=2.0**exponent, depth=2, size=(3, 3))
    for weights in (-128, -127, 127):
        add_both(batch, weights=weights, zeros=(127, 0), depth=16)
        add_both(batch, weights=weights, zeros=(-128, 0), depth=16, gain=0.05)
    check_batch(batch, tmp_path, vectors=5)


def test_random(tmp_path: Path) -> None:
    batch = Batch(5)
    rng = np.random.default_rng(6)
    for _ in range(150):
        kernel = tuple(rng.integers(1, 6, 2).tolist())
        dilated = bool(rng.integers(3) == 0)
        arguments = {
            "size": tuple(rng.integers(1, 12, 2).tolist()),
            "depth": int(rng.integers(1, 18)),
            "channels": int(rng.integers(1, 18)),
            "multiplier": int(rng.choice([0, 0, 1, 1, 2, 3])),
            "kernel": kernel,
            "stride": (1, 1) if dilated else tuple(rng.integers(1, 4, 2).tolist()),
            "dilation": tuple(rng.integers(1, 4, 2).tolist()) if dilated else (1, 1),
            "zeros": tuple(rng.integers(-128, 128, 2).tolist()),
            "per_channel": bool(rng.integers(2)),
            "gain": float(rng.choice([0.1, 1.0, 2.0])),
        }
        add_convolution(batch, **arguments)
    check_batch(batch, tmp_path)
