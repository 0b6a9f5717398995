"""TRANSPOSE_CONV and grouped CONV_2D against the reference."""

from __future__ import annotations

import itertools
from pathlib import Path

import pytest
from differential import check_batch
from emulated import check_emulated
from kernel_batch import Batch
from kernel_cases import add_convolution, add_transposed


def transposed(batch: Batch) -> None:
    for kernel, stride, padding in itertools.product(
        ((1, 1), (2, 2), (3, 3), (4, 2), (5, 3)), ((1, 1), (2, 2), (3, 2)), ("SAME", "VALID")
    ):
        if padding == "SAME" or min(k - s for k, s in zip(kernel, stride, strict=True)) >= 0:
            add_transposed(batch, kernel=kernel, stride=stride, padding=padding)
    add_transposed(batch, extra=(-1, -1))
    add_transposed(batch, padding="VALID", extra=(1, 1))
    add_transposed(batch, size=(1, 1), depth=1, channels=1)
    add_transposed(batch, size=(2, 7), depth=9, channels=4, per_channel=False, bias=False)
    add_transposed(batch, channels=8, zeros=(-128, 127))


def grouped(batch: Batch) -> None:
    for groups, channels, kernel in itertools.product((2, 3), (6, 18), ((1, 1), (2, 3))):
        add_convolution(batch, depth=6, channels=channels, kernel=kernel, groups=groups)
    add_convolution(batch, depth=6, channels=6, groups=6, stride=(2, 1), padding="VALID")
    add_convolution(batch, depth=4, channels=2, groups=2, dilation=(2, 2), activation="RELU")
    add_convolution(batch, depth=8, channels=8, groups=2, per_channel=False, zeros=(127, -128))


@pytest.mark.parametrize("make", [transposed, grouped], ids=lambda make: make.__name__)
def test_on_the_host(tmp_path: Path, make) -> None:
    batch = Batch(1)
    make(batch)
    check_batch(batch, tmp_path)


def test_on_the_board(tmp_path: Path) -> None:
    batch = Batch(2)
    transposed(batch)
    grouped(batch)
    check_emulated(batch, tmp_path, "cortex-m7")
