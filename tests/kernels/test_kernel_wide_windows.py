"""TRANSPOSE_CONV, RESIZE_BILINEAR and BATCH_MATMUL of int16 against the reference."""

from __future__ import annotations

import itertools
from pathlib import Path

import pytest
from differential import check_batch
from emulated import check_emulated
from kernel_batch import Batch
from wide_window_cases import add_wide_matmul, add_wide_resized, add_wide_transposed


def transposed() -> Batch:
    batch = Batch(1)
    for kernel, stride, padding in itertools.product(
        ((2, 2), (3, 3), (4, 2)), ((1, 1), (2, 2)), ("SAME", "VALID")
    ):
        add_wide_transposed(batch, kernel=kernel, stride=stride, padding=padding)
    add_wide_transposed(batch, kernel=(3, 2), stride=(3, 1), depth=9, activation="RELU")
    add_wide_transposed(batch, size=(1, 1), depth=1, channels=1, per_channel=False)
    return batch


def resized() -> Batch:
    batch = Batch(2)
    for size, (corners, half) in itertools.product(
        ((7, 5), (6, 8), (2, 3), (1, 1), (3, 4)), ((False, False), (True, False), (False, True))
    ):
        add_wide_resized(batch, size, corners=corners, half=half)
    return batch


def products() -> Batch:
    batch = Batch(3)
    for x, y, constant in itertools.product((False, True), repeat=3):
        add_wide_matmul(batch, turned=(x, y), constant=constant)
        add_wide_matmul(batch, (1, 2, 3, 4), (1, 2, 4, 5), turned=(x, y), constant=constant)
    for a, b in (((1, 4), (4, 5)), ((1, 3, 2, 4), (3, 4, 2)), ((1, 3, 2, 4), (4, 2))):
        add_wide_matmul(batch, a, b, constant=True)
    add_wide_matmul(batch, (1, 7, 33), (1, 33, 9))
    for gain in (1e-3, 50.0):
        add_wide_matmul(batch, gain=gain)
    return batch


@pytest.mark.parametrize("make", [transposed, resized, products], ids=lambda make: make.__name__)
def test_on_the_host(tmp_path: Path, make) -> None:
    check_batch(make(), tmp_path, vectors=5)


@pytest.mark.slow
@pytest.mark.parametrize("make", [transposed, resized, products], ids=lambda make: make.__name__)
def test_on_the_board(tmp_path: Path, make) -> None:
    check_emulated(make(), tmp_path, "cortex-m7")
