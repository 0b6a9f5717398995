"""ARG_MAX and ARG_MIN against the reference."""

from __future__ import annotations

import itertools
from pathlib import Path

import numpy as np
import pytest
from differential import check_batch
from emulated import check_emulated
from kernel_batch import Batch, Q

SHAPES = [
    ((1, 4, 5, 3), (1, 2, 3, -1, 0)),
    ((1, 7, 4), (1, 2, 0)),
    ((1, 300), (1, 0)),
    ((1, 2, 3, 4, 2), (2, 4)),
]


def searches(builtin: str) -> Batch:
    batch = Batch(1)
    for (shape, axes), dtype in itertools.product(SHAPES, ("int32", "int64")):
        for axis in axes:
            without = tuple(np.delete(shape, axis).tolist())
            # Two of these vectors have few values, so that the first of several counts.
            values = batch.rng.integers(-2, 3, (2, *shape)).astype(np.int8)
            source = batch.input(shape, Q(0.05, -3), values)
            output = batch.output(f"{shape} {axis} {dtype}", without, Q(dtype=dtype))
            options = {"OutputType": dtype.upper()}
            batch.op(builtin, [source, batch.numbers([axis])], output, options)
    return batch


@pytest.mark.parametrize("builtin", ["ARG_MAX", "ARG_MIN"])
def test_on_the_host(tmp_path: Path, builtin: str) -> None:
    check_batch(searches(builtin), tmp_path, vectors=8)


def test_on_the_board(tmp_path: Path) -> None:
    check_emulated(searches("ARG_MAX"), tmp_path, "cortex-m4", vectors=8)
