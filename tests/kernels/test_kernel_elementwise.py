"""ADD, SUB, MUL, MAXIMUM, MINIMUM against the reference."""

from __future__ import annotations

import itertools
from pathlib import Path

import numpy as np
import pytest
from differential import check_batch
from emulated import check_emulated
from kernel_batch import Batch, Q
from kernel_cases import add_elementwise

# Scales as they are measured, and ratios of small integers, which put halves everywhere.
SCALES = [(Q(0.0513, 3), Q(0.0721, -9), Q(0.0833, 1)), (Q(0.05, 3), Q(0.07, -9), Q(0.08, 1))]
SHAPES = [(1, 5, 4, 3), (1, 1, 1, 9), (1, 3, 1, 4), (1, 2, 6, 1), (1, 12), (1, 4, 6)]


FUSED = ("ADD", "SUB", "MUL")  # have a fused activation function
BOTH = (*FUSED, "MAXIMUM", "MINIMUM")  # have portable kernels and fast ones
PORTABLE = ("SQUARED_DIFFERENCE", "PRELU")
KERNELS = pytest.mark.parametrize(
    ("builtin", "board"),
    [*((builtin, None) for builtin in (*BOTH, *PORTABLE)), *((b, "stm32h743") for b in BOTH)],
)


def operands(builtin: str) -> Batch:
    batch = Batch(1)
    sides = (0,) if builtin == "PRELU" else (0, 1)  # of the larger operand
    for shape, constant, first in itertools.product(SHAPES, (False, True), sides):
        qs = SCALES[first ^ constant]
        add_elementwise(batch, builtin, shape=shape, constant=constant, first=first, qs=qs)
    for constant, first in itertools.product((False, True), sides):
        for other in ((1, 1, 1, 3), (1, 1, 1, 1), (3,), (1,)):
            add_elementwise(batch, builtin, other=other, constant=constant, first=first)
            add_elementwise(
                batch, builtin, other=other, constant=constant, first=first, qs=SCALES[0]
            )
    for other in ((5, 4, 3), (4, 3), (1, 5, 1, 1), (1, 1, 4, 3), (4, 1)):
        add_elementwise(batch, builtin, other=other, constant=True, qs=SCALES[0])
    for other in ((1, 5, 1, 3), (1, 1, 4, 3), (1, 5, 4, 1), (1, 1, 4, 1), (1, 5, 1, 1)):
        for first in (0, 1) if builtin != "PRELU" else (0,):
            add_elementwise(batch, builtin, other=other, first=first, qs=SCALES[first])
    for channels in range(1, 18):
        qs = SCALES[channels == 7]
        add_elementwise(batch, builtin, shape=(1, 2, 2, channels), qs=qs)
    for activation in ("NONE", "RELU") if builtin in ("ADD", "SUB") else ():
        shape = (1, 4, 8, 33)  # large enough for tables
        add_elementwise(batch, builtin, shape=shape, activation=activation, qs=SCALES[1])
        add_elementwise(
            batch, builtin, shape=shape, other=(33,), constant=True, first=1, qs=SCALES[1]
        )
    for channels in (8, 9, 16):
        shape = (1, 3, 2, channels)
        add_elementwise(batch, builtin, shape=shape, other=(channels,), constant=True, qs=SCALES[0])
    for activation in ("RELU", "RELU6", "RELU_N1_TO_1") if builtin in FUSED else ():
        for qs in SCALES:
            add_elementwise(batch, builtin, shape=(1, 3, 3, 7), activation=activation, qs=qs)
    return batch


@KERNELS
def test_operands(tmp_path: Path, builtin: str, board: str | None) -> None:
    check_batch(operands(builtin), tmp_path, in_place=True, board=board)


def test_both_operands_broadcast(tmp_path: Path) -> None:
    batch = Batch(4)
    for builtin in (*BOTH, "SQUARED_DIFFERENCE"):
        add_elementwise(batch, builtin, shape=(1, 5, 1, 3), other=(1, 1, 4, 3))
        add_elementwise(batch, builtin, shape=(1, 5, 1, 1), other=(1, 1, 4, 3), qs=SCALES[0])
        add_elementwise(batch, builtin, shape=(1, 5, 3), other=(1, 1, 3))
        add_elementwise(batch, builtin, shape=(1, 5, 3), other=(3,), constant=True)
        add_elementwise(batch, builtin, shape=(1, 5, 1), other=(1, 1, 3))
    check_batch(batch, tmp_path, board="stm32h743")


# ADD and SUB run the same assembly, MAXIMUM and MINIMUM nearly so.
@pytest.mark.parametrize(
    ("builtin", "core"),
    [
        ("ADD", "cortex-m7"),
        ("SUB", "cortex-m4"),
        ("MUL", "cortex-m7"),
        ("MUL", "cortex-m4"),
        ("MAXIMUM", "cortex-m7"),
        ("MINIMUM", "cortex-m4"),
        ("SQUARED_DIFFERENCE", "cortex-m7"),
        ("PRELU", "cortex-m4"),
    ],
)
def test_in_assembly(tmp_path: Path, builtin: str, core: str) -> None:
    check_emulated(operands(builtin), tmp_path, core)


def every_pair() -> list[np.ndarray]:
    """All pairs of int8 values, as two tensors of 256 x 256."""
    values = np.arange(-128, 128).astype(np.int8)
    one, two = np.meshgrid(values, values, indexing="ij")
    return [one.reshape(1, 1, 256, 256, 1), two.reshape(1, 1, 256, 256, 1)]


@KERNELS
def test_every_pair_of_values(tmp_path: Path, builtin: str, board: str | None) -> None:
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
        options = (
            {} if builtin not in ("ADD", "SUB", "MUL") else {"FusedActivationFunction": activation}
        )
        a = batch.input((1, 256, 256, 1), qs[0], one)
        b = batch.input((1, 256, 256, 1), qs[1], two)
        output = batch.output(f"{builtin} {qs} {activation}", (1, 256, 256, 1), qs[2])
        batch.op(builtin, [a, b], output, options)
    check_batch(batch, tmp_path, vectors=1, in_place=True, board=board)


def test_instructions(tmp_path: Path) -> None:
    batch = Batch(3)
    qs = Q(0.0513, 3), Q(0.0721, -9), Q(0.0833, 1)
    for builtin in ("ADD", "SUB", "MUL", "MAXIMUM"):
        add_elementwise(batch, builtin, shape=(1, 8, 16, 32), qs=qs)
    add_elementwise(batch, "ADD", shape=(1, 8, 16, 32), qs=SCALES[1])
    add, sub, product, larger, table = check_emulated(batch, tmp_path, "cortex-m7").values()
    elements = 8 * 16 * 32
    assert add < 6.3 * elements
    assert sub < 6.3 * elements
    assert product < 9 * elements
    assert table < 23 * elements
    assert larger < 2 * elements
