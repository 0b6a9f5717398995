"""LEAKY_RELU and ABS of int16 against the reference."""

from __future__ import annotations

from pathlib import Path

from differential import check_batch
from emulated import check_emulated
from kernel_batch import Batch
from wide_cases import wide

SHAPE = (1, 3, 7, 50)


def layers() -> Batch:
    batch = Batch(1)
    for scale in (0.001, 0.00037, 0.0173, 8.0, 1e-6):
        source = batch.input(SHAPE, wide(0.001))
        batch.op("ABS", [source], batch.output(f"ABS {scale}", SHAPE, wide(scale)))
        for alpha in (0.0, 0.1, 1.0, 2.5):
            source = batch.input(SHAPE, wide(0.001))
            output = batch.output(f"LEAKY_RELU {alpha} {scale}", SHAPE, wide(scale))
            batch.op("LEAKY_RELU", [source], output, {"Alpha": alpha})
    return batch


def test_slopes(tmp_path: Path) -> None:
    check_batch(layers(), tmp_path, vectors=6)


def test_in_place(tmp_path: Path) -> None:
    check_batch(layers(), tmp_path, in_place=True)


def test_on_the_board(tmp_path: Path) -> None:
    check_emulated(layers(), tmp_path, "cortex-m4")
