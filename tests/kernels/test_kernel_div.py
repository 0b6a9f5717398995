"""DIV against the reference, which refuses zeros among divisors."""

from __future__ import annotations

import itertools
from pathlib import Path

import numpy as np
from differential import check_batch
from emulated import check_emulated
from kernel_batch import Batch, Q

SHAPE = (1, 16, 16, 5)


def add_division(
    batch: Batch,
    other: tuple[int, ...] = SHAPE,
    *,
    constant: bool = False,
    swapped: bool = False,
    zeros: tuple[int, int, int] = (3, -9, 5),
    ratio: float = 100.0,
    activation: str = "NONE",
) -> None:
    """Adds quotients; `ratio` is that of the first scale to the product of the others."""
    qs = Q(0.05, zeros[0]), Q(0.07, zeros[1])
    shapes = (other, SHAPE) if swapped else (SHAPE, other)
    divisors = batch.rng.integers(-128, 128, (4, *shapes[1])).astype(np.int8)
    divisors[divisors == zeros[1]] = zeros[1] + 1 if zeros[1] < 127 else 126
    ids = [batch.input(shapes[0], qs[0])]
    if constant:
        ids.append(batch.constant(divisors[0], qs[1]))
    else:
        ids.append(batch.input(shapes[1], qs[1], divisors))
    name = f"{other} {constant} {swapped} {zeros} {ratio} {activation}"
    output = batch.output(name, SHAPE, Q(0.05 / 0.07 / ratio, zeros[2]))
    batch.op("DIV", ids, output, {"FusedActivationFunction": activation})


def by_constants() -> Batch:
    batch = Batch(2)
    for other, ratio in itertools.product((SHAPE, (1, 1, 1, 5), (1,)), (65.0, 1e5)):
        add_division(batch, other, constant=True, ratio=ratio, activation="RELU6")
    return batch


def divisions() -> Batch:
    batch = by_constants()
    for zeros, ratio in itertools.product(
        ((3, -9, 5), (-128, 127, -128), (127, -128, 127), (0, 0, 0)), (65.0, 300.0, 1e4, 4e6)
    ):
        add_division(batch, zeros=zeros, ratio=ratio)
    for other in ((1, 1, 1, 5), (1, 16, 1, 1), (5,), (1,)):
        for swapped in (False, True):
            add_division(batch, other, swapped=swapped)
    for activation in ("RELU", "RELU6", "RELU_N1_TO_1"):
        add_division(batch, activation=activation)
    return batch


def test_quotients(tmp_path: Path) -> None:
    check_batch(divisions(), tmp_path)


def test_on_the_board(tmp_path: Path) -> None:
    # The self-test's inputs are random: as divisors they would have zeros.
    check_emulated(by_constants(), tmp_path, "cortex-m7")
