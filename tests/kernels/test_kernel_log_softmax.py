"""LOG_SOFTMAX against the reference."""

from __future__ import annotations

import itertools
from pathlib import Path

import numpy as np
from differential import check_batch
from emulated import check_emulated
from kernel_batch import Batch, Q

# From nearly flat to such that a difference of one is beyond the range.
SCALES = (0.0005, 0.01, 0.0627, 0.1, 0.25, 1.0, 9.0, 40.0, 1000.0)
SHAPES = [(1, 10), (1, 3, 2, 5), (1, 4, 33), (1, 1), (1, 400)]


def log_softmaxes() -> Batch:
    batch = Batch(1)
    for shape, scale in itertools.product(SHAPES, SCALES):
        values = batch.rng.normal(0, 20, (4, *shape)).clip(-128, 127).astype(np.int8)
        source = batch.input(shape, Q(scale, -3), values)
        output = batch.output(f"{shape} {scale}", shape, Q(1 / 16, 127))
        batch.op("LOG_SOFTMAX", [source], output, {})
    return batch


def test_on_the_host(tmp_path: Path) -> None:
    check_batch(log_softmaxes(), tmp_path, vectors=8, in_place=True)


def test_sums_of_all_sizes(tmp_path: Path) -> None:
    """From one element that counts to 3900 that are equal."""
    batch = Batch(2)
    for scale in (0.02, 0.3):
        count = np.arange(0, 3900, 150)
        values = np.where(np.arange(3900) < count[:, None], 90, 60).astype(np.int8)
        source = batch.input((1, 1, 26, 3900), Q(scale), values.reshape(1, 1, 1, 26, 3900))
        output = batch.output(f"{scale}", (1, 1, 26, 3900), Q(1 / 16, 127))
        batch.op("LOG_SOFTMAX", [source], output, {})
    check_batch(batch, tmp_path, vectors=1)


def test_on_the_board(tmp_path: Path) -> None:
    check_emulated(log_softmaxes(), tmp_path, "cortex-m7", vectors=8)
