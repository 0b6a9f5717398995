"""BATCH_MATMUL against the reference."""

from __future__ import annotations

import itertools
from pathlib import Path

import numpy as np
from differential import check_batch
from emulated import check_emulated
from kernel_batch import Batch, Q


def add_matmul(
    batch: Batch,
    a: tuple[int, ...] = (1, 3, 4),
    b: tuple[int, ...] = (1, 4, 5),
    *,
    turned: tuple[bool, bool] = (False, False),
    constant: bool = False,
    zeros: tuple[int, int, int] = (3, -5, 7),
    gain: float = 1.0,
) -> None:
    """Adds products of matrices, `a` and `b` being their shapes before they are turned."""
    shape = (*np.broadcast_shapes(a[:-2], b[:-2]), a[-2], b[-1])
    a, b = ((*s[:-2], s[-1], s[-2]) if turn else s for s, turn in zip((a, b), turned, strict=True))
    qs = Q(0.05, zeros[0]), Q(0.03, zeros[1])
    ids = [batch.input(a, qs[0])]
    if constant:
        values = batch.rng.integers(-128, 128, b).astype(np.int8)
        ids.append(batch.constant(values, qs[1]))
    else:
        ids.append(batch.input(b, qs[1]))
    depth = a[-2] if turned[0] else a[-1]
    scale = float(np.float32(0.05 * 0.03 * 74 * 74 * np.sqrt(depth) / 60 / gain))
    output = batch.output(f"{a} {b} {turned} {constant} {zeros} {gain}", shape, Q(scale, zeros[2]))
    batch.op("BATCH_MATMUL", ids, output, {"AdjX": turned[0], "AdjY": turned[1]})


def products() -> Batch:
    batch = Batch(1)
    for x, y, constant in itertools.product((False, True), repeat=3):
        add_matmul(batch, turned=(x, y), constant=constant)
        add_matmul(batch, (1, 2, 3, 4), (1, 2, 4, 5), turned=(x, y), constant=constant)
    for a, b in (
        ((1, 4), (4, 5)),
        ((1, 1, 2, 3, 4), (1, 1, 2, 4, 1)),
        ((1, 3, 2, 4), (1, 1, 4, 2)),
        ((1, 1, 2, 4), (1, 3, 4, 2)),
        ((1, 3, 2, 4), (3, 4, 2)),
        ((1, 3, 2, 4), (4, 2)),
        ((1, 1, 1), (1, 1, 1)),
        ((1, 7, 33), (1, 33, 9)),
    ):
        add_matmul(batch, a, b, constant=b[0] != 1)  # an input is one of a batch
    for zeros, gain in itertools.product(((-128, 127, 0), (127, -128, -128)), (0.1, 20.0)):
        add_matmul(batch, zeros=zeros, gain=gain)
    return batch


def test_products(tmp_path: Path) -> None:
    check_batch(products(), tmp_path)


def test_on_the_board(tmp_path: Path) -> None:
    check_emulated(products(), tmp_path, "cortex-m7")
