"""L2_NORMALIZATION against the reference."""

from __future__ import annotations

import itertools
from pathlib import Path

import numpy as np
from differential import check_batch
from emulated import check_emulated
from kernel_batch import Batch, Q

SHAPES = [(1, 10), (1, 128), (1, 5, 3), (1, 3, 2, 7), (1, 1), (1, 900)]


def normalizations() -> Batch:
    batch = Batch(1)
    for shape, zero in itertools.product(SHAPES, (-128, 0, 7, 127)):
        values = np.full((3, *shape), zero, np.int8)  # no length at all
        values[1] += batch.rng.integers(-1, 2, shape).astype(np.int8) * (abs(zero) < 127)
        values[2] = batch.rng.integers(-128, 128, shape)
        source = batch.input(shape, Q(0.05, zero), values)
        output = batch.output(f"{shape} {zero}", shape, Q(1 / 128, 0))
        batch.op("L2_NORMALIZATION", [source], output, {})
    return batch


def test_on_the_host(tmp_path: Path) -> None:
    check_batch(normalizations(), tmp_path, vectors=8, in_place=True)


def test_every_small_sum_of_squares(tmp_path: Path) -> None:
    """Two elements with half of all pairs of magnitudes: lengths from 0 to 360."""
    batch = Batch(2)
    one, two = np.meshgrid(np.arange(-128, 128, 2), np.arange(-128, 128), indexing="ij")
    values = np.stack([one, two], -1).astype(np.int8).reshape(1, 1, 128, 256, 2)
    source = batch.input((1, 128, 256, 2), Q(0.05, -128), values)
    batch.op("L2_NORMALIZATION", [source], batch.output("pairs", (1, 128, 256, 2), Q(1 / 128)), {})
    check_batch(batch, tmp_path, vectors=1)


def test_on_the_board(tmp_path: Path) -> None:
    check_emulated(normalizations(), tmp_path, "cortex-m7")
