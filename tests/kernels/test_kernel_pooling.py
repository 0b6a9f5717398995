"""MAX_POOL_2D, AVERAGE_POOL_2D and MEAN against the reference."""

from __future__ import annotations

import itertools
from pathlib import Path

import numpy as np
import pytest
from differential import check_batch
from emulated import check_emulated
from kernel_batch import Batch, Q
from kernel_cases import add_pool

BUILTINS = pytest.mark.parametrize("builtin", ["MAX_POOL_2D", "AVERAGE_POOL_2D"])
CORES = pytest.mark.parametrize("core", ["cortex-m7", "cortex-m4"])


def pools(builtin: str) -> Batch:
    batch = Batch(1)
    kernels = [(1, 1), (2, 2), (3, 3), (2, 5), (7, 6)]
    strides = [(1, 1), (2, 2), (3, 1), (1, 4)]
    for kernel, stride, padding in itertools.product(kernels, strides, ("SAME", "VALID")):
        add_pool(batch, builtin, kernel=kernel, stride=stride, padding=padding)
    for channels in (*range(1, 18), 24, 37):
        add_pool(batch, builtin, channels=channels, kernel=(3, 2), stride=(1, 2))
    for zero, activation in itertools.product(
        [-128, -100, 0, 127], ["RELU", "RELU6", "RELU_N1_TO_1"]
    ):
        add_pool(batch, builtin, zero=zero, activation=activation)
    for size in ((1, 1), (1, 9), (2, 2)):
        add_pool(batch, builtin, size=size, kernel=(3, 3), stride=(1, 1))
    for size, padding in itertools.product(((1, 1), (5, 4), (2, 9), (16, 16)), ("SAME", "VALID")):
        for zero, activation in ((-128, "NONE"), (3, "RELU")):
            add_pool(
                batch,
                builtin,
                size=size,
                kernel=size,
                stride=size,
                padding=padding,
                zero=zero,
                activation=activation,
                channels=5 if size[0] < 16 else 19,
            )
    add_pool(batch, builtin, size=(20, 31), kernel=(20, 31), padding="VALID", channels=8)
    return batch


@BUILTINS
def test_pools(tmp_path: Path, builtin: str) -> None:
    check_batch(pools(builtin), tmp_path)


@BUILTINS
@CORES
def test_pools_in_assembly(tmp_path: Path, builtin: str, core: str) -> None:
    check_emulated(pools(builtin), tmp_path, core)


def test_instructions(tmp_path: Path) -> None:
    """Per element of the input."""
    batch = Batch(5)
    add_pool(batch, "MAX_POOL_2D", size=(16, 16), channels=64)
    add_pool(batch, "AVERAGE_POOL_2D", size=(8, 8), kernel=(8, 8), padding="VALID", channels=64)
    add_pool(batch, "AVERAGE_POOL_2D", size=(8, 8), kernel=(2, 2), channels=64)
    largest, over_all, mean = check_emulated(batch, tmp_path, "cortex-m7").values()
    assert largest < 1.92 * 16 * 16 * 64
    assert over_all < 1.7 * 8 * 8 * 64
    assert mean < 8.5 * 8 * 8 * 64


def test_average_rounds_halves_away(tmp_path: Path) -> None:
    batch = Batch(2)
    # All sums of 1 x n windows from small values: every half between -2 and 2 comes up.
    for n in range(1, 9):
        values = batch.rng.integers(-2, 3, (4, 1, 1, 40, 2)).astype(np.int8)
        q = Q(0.1, 0)
        source = batch.input((1, 1, 40, 2), q, values)
        output = batch.output(f"halves {n}", (1, 1, 41 - n, 2), q)
        options = {
            "Padding": "VALID",
            "StrideH": 1,
            "StrideW": 1,
            "FilterHeight": 1,
            "FilterWidth": n,
        }
        batch.op("AVERAGE_POOL_2D", [source], output, options)
    check_batch(batch, tmp_path)


def means() -> Batch:
    batch = Batch(3)
    rng = np.random.default_rng(4)
    sizes = [(1, 1), (1, 2), (3, 1), (2, 2), (3, 3), (7, 7), (5, 11), (16, 8), (32, 32)]
    ratios = [1.0, 0.5, 0.9, 1.7, 2.0**-6, 40.0, 2.0**9]
    for size, ratio in itertools.product(sizes, ratios):
        channels = int(rng.integers(1, 18))
        zeros = rng.integers(-128, 128, 2).tolist()
        keep = bool(rng.integers(2))
        source = batch.input((1, *size, channels), Q(0.05 * ratio, zeros[0]))
        shape = (1, 1, 1, channels) if keep else (1, channels)
        output = batch.output(f"mean {size} ratio {ratio} {zeros}", shape, Q(0.05, zeros[1]))
        axes = batch.numbers([1, 2] if rng.integers(2) else [-2, 1])
        batch.op("MEAN", [source, axes], output, {"KeepDims": keep})
    return batch


def test_mean(tmp_path: Path) -> None:
    check_batch(means(), tmp_path, vectors=6)


@CORES
def test_mean_in_assembly(tmp_path: Path, core: str) -> None:
    check_emulated(means(), tmp_path, core)
