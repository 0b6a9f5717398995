"""MEAN, REDUCE_MAX and REDUCE_MIN over any dimensions, against the reference."""

from __future__ import annotations

import itertools
from pathlib import Path

import numpy as np
import pytest
from differential import check_batch
from emulated import check_emulated
from kernel_batch import Batch, Q

from tinydeploy.validate.reference import run_reference

SHAPES = [
    ((1, 4, 5, 3), [(1,), (2,), (3,), (1, 3), (2, 3), (1, 2, 3), (-1, 1), (0, 2), (1, 2)]),
    ((1, 7, 4), [(1,), (2,), (-2, -2), (1, 2)]),
    ((1, 9), [(1,)]),
    ((1, 2, 3, 4, 5), [(2,), (1, 3), (2, 4), (1, 2, 3)]),
    ((6,), [(0,)]),
]


def reductions(builtin: str, *, wide: bool = False) -> Batch:
    batch = Batch(1)
    for (shape, all_axes), keep in itertools.product(SHAPES, (False, True)):
        for axes in all_axes:
            resolved = {axis % len(shape) for axis in axes}
            result = tuple(
                1 if d in resolved else n for d, n in enumerate(shape) if keep or d not in resolved
            )
            if not result or (len(result) == 4 and result[0] != 1):
                continue
            q = Q(0.05, 0, "int16") if wide else Q(0.05, -3)
            other = Q(0.031, 0, "int16") if wide else Q(0.031, 7)
            out_q = other if builtin in ("MEAN", "SUM") else q
            source = batch.input(shape, q)
            output = batch.output(f"{builtin} {shape} {axes} {keep}", result, out_q)
            batch.op(builtin, [source, batch.numbers(axes)], output, {"KeepDims": keep})
    return batch


@pytest.mark.parametrize("builtin", ["MEAN", "SUM", "REDUCE_MAX", "REDUCE_MIN"])
def test_reductions(tmp_path: Path, builtin: str) -> None:
    check_batch(reductions(builtin), tmp_path)


@pytest.mark.parametrize("builtin", ["MEAN", "REDUCE_MAX", "REDUCE_MIN"])
def test_reductions_of_int16(tmp_path: Path, builtin: str) -> None:
    check_batch(reductions(builtin, wide=True), tmp_path)


def test_reductions_of_int16_on_the_board(tmp_path: Path) -> None:
    check_emulated(reductions("REDUCE_MIN", wide=True), tmp_path, "cortex-m7")


def test_sums_are_those_of_other_kernels() -> None:
    """The reference's own SUM is wrong; what stands for it computes what LiteRT's others do."""
    model, inputs = add_extremes(reductions("SUM"), "SUM").finish()
    found = run_reference(model, inputs).outputs
    others = run_reference(model, inputs, resolver="BUILTIN_WITHOUT_DEFAULT_DELEGATES").outputs
    for values, expected in zip(found, others, strict=True):
        assert np.array_equal(values, expected)


@pytest.mark.parametrize("builtin", ["MEAN", "SUM"])
def test_extremes(tmp_path: Path, builtin: str) -> None:
    check_batch(add_extremes(Batch(2), builtin), tmp_path, vectors=8)


def add_extremes(batch: Batch, builtin: str) -> Batch:
    """Adds sums of many elements of one sign."""
    for scale, zero in itertools.product((1e-3, 0.05, 2.0), (-128, 127)):
        source = batch.input((1, 40, 6), Q(0.05, zero))
        output = batch.output(f"{scale} {zero}", (1, 6), Q(scale, -zero - 1))
        batch.op(builtin, [source, batch.numbers([1])], output, {})
    return batch


@pytest.mark.parametrize(
    ("builtin", "core"), [("MEAN", "cortex-m7"), ("SUM", "cortex-m4"), ("REDUCE_MAX", "cortex-m4")]
)
def test_on_the_board(tmp_path: Path, builtin: str, core: str) -> None:
    check_emulated(reductions(builtin), tmp_path, core)
