"""RESIZE_BILINEAR and RESIZE_NEAREST_NEIGHBOR against the reference."""

from __future__ import annotations

import itertools
from pathlib import Path

from differential import check_batch
from emulated import check_emulated
from kernel_batch import Batch, Q

PLACEMENTS = ({}, {"AlignCorners": True}, {"HalfPixelCenters": True})
OLD = ((3, 4), (1, 5), (7, 2))
NEW = ((6, 8), (2, 3), (5, 13), (1, 1))


def resized(builtin: str) -> Batch:
    batch = Batch(1)
    q = Q(0.1, 5)
    for old, new, options in itertools.product(OLD, NEW, PLACEMENTS):
        source = batch.input((1, *old, 3), q)
        output = batch.output(f"{builtin} {old} -> {new} {options}", (1, *new, 3), q)
        batch.op(builtin, [source, batch.numbers(new)], output, options)
    return batch


def test_nearest(tmp_path: Path) -> None:
    check_batch(resized("RESIZE_NEAREST_NEIGHBOR"), tmp_path)


def test_bilinear(tmp_path: Path) -> None:
    check_batch(resized("RESIZE_BILINEAR"), tmp_path, vectors=8)


def test_bilinear_on_the_board(tmp_path: Path) -> None:
    check_emulated(resized("RESIZE_BILINEAR"), tmp_path, "cortex-m4")


def test_every_value_between_two(tmp_path: Path) -> None:
    """Ties and both signs: all pairs of neighbours at quarters of a pixel."""
    batch = Batch(2)
    q = Q(0.1, 0)
    source = batch.input((1, 1, 128, 4), q)
    output = batch.output("quarters", (1, 1, 512, 4), q)
    batch.op("RESIZE_BILINEAR", [source, batch.numbers((1, 512))], output, {})
    check_batch(batch, tmp_path, vectors=16)
