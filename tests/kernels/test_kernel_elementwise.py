"""ADD, SUB, MUL, MAXIMUM, MINIMUM against the reference."""

from __future__ import annotations

import itertools
from pathlib import Path

import numpy as np
import pytest
from differential import check_batch
from kernel_batch import Batch, Q
from kernel_cases import add_elementwise

SHAPES = [(1, 5, 4, 3), (1, 1, 1, 9), (1, 3, 1, 4), (1, 2, 6, 1), (1, 12), (1, 4, 6)]


@pytest.mark.parametrize("builtin", ["ADD", "SUB", "MUL", "MAXIMUM", "MINIMUM"])
def test_operands(tmp_path: Path, builtin: str) -> None:
    batch = Batch(1)
    for shape, constant, first in itertools.product(SHAPES, (False, True), (0, 1)):
        add_elementwise(batch, builtin, shape=shape, constant=constant, first=first)
    for constant, first in itertools.product((False, True), (0, 1)):
        for other in ((1, 1, 1, 3), (1, 1, 1, 1), (3,), (1,)):
            add_elementwise(batch, builtin, other=other, constant=constant, first=first)
    for other in ((5, 4, 3), (4, 3), (1, 5, 1, 1), (1, 1, 4, 3), (4, 1)):
        add_elementwise(batch, builtin, other=other, constant=True)
    for channels in range(1, 18):
        add_elementwise(batch, builtin, shape=(1, 2, 2, channels))
    check_batch(batch, tmp_path, in_place=True)


def every_pair() -> list[np.ndarray]:
    """All pairs of int8 values, as two tensors of 256 x 256."""
    values = np.arange(-128, 128).astype(np.int8)
    one, two = np.meshgrid(values, values, indexing="ij")
    return [one.reshape(1, 1, 256, 256, 1), two.reshape(1, 1, 256, 256, 1)]


@pytest.mark.parametrize("builtin", ["ADD", "SUB", "MUL", "MAXIMUM", "MINIMUM"])
def test_every_pair_of_values(tmp_path: Path, builtin: str) -> None:
    batch = Batch(2)
    rng = np.random.default_rng(3)
    one, two = every_pair()
    scales = [(0.05, 0.05, 0.05), (0.05, 0.025, 0.1), (0.1, 0.001, 0.05), (0.0007, 0.3, 0.4)]
    scales += [(1.0, 1.0, 1e-4), (1.0, 1.0, 300.0)] if builtin in ("MUL", "SUB") else []
    scales += [tuple(rng.uniform(0.01, 0.1, 3).tolist()) for _ in range(2)]
    for number, (s1, s2, s3) in enumerate(scales):
        zeros = rng.integers(-128, 128, 3).tolist() if number else [127, -128, 0]
        qs = Q(s1, zeros[0]), Q(s2, zeros[1]), Q(s3, zeros[2])
        if builtin in ("MAXIMUM", "MINIMUM"):
            qs = (qs[0],) * 3
        activation = ("NONE", "RELU", "RELU6", "RELU_N1_TO_1")[number % 4]
        options = {} if builtin[-3:] == "MUM" else {"FusedActivationFunction": activation}
        a = batch.input((1, 256, 256, 1), qs[0], one)
        b = batch.input((1, 256, 256, 1), qs[1], two)
        output = batch.output(f"{builtin} {qs} {activation}", (1, 256, 256, 1), qs[2])
        batch.op(builtin, [a, b], output, options)
    check_batch(batch, tmp_path, vectors=1, in_place=True)
