"""Operators of int16 without weights against the reference."""

from __future__ import annotations

import itertools
from pathlib import Path

import numpy as np
import pytest
from differential import check_batch
from emulated import check_emulated
from kernel_batch import Batch, window_size
from wide_cases import add_wide_elementwise, wide

SHAPES = [(1, 5, 4, 3), (1, 3, 1, 4), (1, 12), (1, 4, 6)]
ONE = wide(1 / 32768)


def products() -> Batch:
    batch = Batch(1)
    for shape, constant, first in itertools.product(SHAPES, (False, True), (0, 1)):
        add_wide_elementwise(batch, "MUL", shape=shape, constant=constant, first=first)
    for other, constant in itertools.product(((1, 1, 1, 3), (3,), (1,)), (False, True)):
        add_wide_elementwise(batch, "MUL", other=other, constant=constant)
    for scale, activation in itertools.product((1e-5, 3e-6, 0.02, 0.7), ("NONE", "RELU", "RELU6")):
        qs = wide(0.0011), wide(0.0017), wide(scale)
        add_wide_elementwise(batch, "MUL", qs=qs, activation=activation)
    return batch


def extremes() -> Batch:
    batch = Batch(2)
    for builtin, shape in itertools.product(("MAXIMUM", "MINIMUM"), SHAPES):
        for constant in (False, True):
            qs = (wide(0.0011),) * 3
            add_wide_elementwise(batch, builtin, shape=shape, constant=constant, qs=qs)
    return batch


def pools() -> Batch:
    batch = Batch(3)
    cases = [((2, 2), (2, 2)), ((3, 2), (1, 2)), ((1, 1), (2, 1)), ((5, 6), (1, 1))]
    for builtin in ("MAX_POOL_2D", "AVERAGE_POOL_2D"):
        for (kernel, stride), padding in itertools.product(cases, ("SAME", "VALID")):
            size = [
                window_size(n, k, s, 1, padding)
                for n, k, s in zip((7, 6), kernel, stride, strict=True)
            ]
            options = {"FilterHeight": kernel[0], "FilterWidth": kernel[1]}
            options |= {"StrideH": stride[0], "StrideW": stride[1], "Padding": padding}
            activation = ("NONE", "RELU", "RELU6", "NONE")[kernel[0] % 4]
            options |= {"FusedActivationFunction": activation}
            source = batch.input((1, 7, 6, 3), wide(0.001))
            output = batch.output(f"{builtin} {kernel}", (1, *size, 3), wide(0.001))
            batch.op(builtin, [source], output, options)
    return batch


def means() -> Batch:
    batch = Batch(4)
    shape = (1, 4, 5, 3)
    for axes, keep in itertools.product(((1, 2), (1,), (3,), (2, 3), (1, 2, 3)), (False, True)):
        result = tuple(1 if d in axes else n for d, n in enumerate(shape) if keep or d not in axes)
        for scale in (0.001, 0.0003, 0.9):
            source = batch.input(shape, wide(0.001))
            output = batch.output(f"{axes} {keep} {scale}", result, wide(scale))
            batch.op("MEAN", [source, batch.numbers(axes)], output, {"KeepDims": keep})
    return batch


def functions() -> Batch:
    """Every int16 once, for scales that are powers of 2 or not."""
    batch = Batch(5)
    values = np.arange(-(2**15), 2**15).astype(np.int16).reshape(1, 1, 1, 256, 256)
    scales = (2.0**-12, 2.0**-11, 2.0**-10, 2.0**-14, 0.000244, 0.0003, 0.0021, 0.00001, 0.7, 4.9)
    for scale, builtin in itertools.product(scales, ("LOGISTIC", "TANH")):
        source = batch.input((1, 1, 64, 1024), wide(scale), values.reshape(1, 1, 1, 64, 1024))
        batch.op(builtin, [source], batch.output(f"{builtin} {scale}", (1, 1, 64, 1024), ONE))
    for scale, builtin in itertools.product((0.0001, 0.001, 0.0007), ("RELU", "RELU6")):
        source = batch.input((1, 1, 64, 1024), wide(0.0007), values.reshape(1, 1, 1, 64, 1024))
        output = batch.output(f"{builtin} {scale}", (1, 1, 64, 1024), wide(scale))
        batch.op(builtin, [source], output)
    return batch


def softmaxes() -> Batch:
    batch = Batch(6)
    for shape, scale in itertools.product(
        ((1, 10), (1, 3, 2, 5), (1, 1), (1, 2000)), (1e-5, 0.0001, 0.00121, 0.01, 1.9)
    ):
        values = batch.rng.normal(0, 900, (4, *shape)).astype(np.int16)
        source = batch.input(shape, wide(scale), values)
        output = batch.output(f"{shape} {scale}", shape, ONE)
        batch.op("SOFTMAX", [source], output, {"Beta": 1.0})
    return batch


def movements() -> Batch:
    """The kernels that move bytes take int16, too."""
    batch = Batch(7)
    q, shape = wide(0.01), (1, 4, 6, 2)

    def add(builtin: str, result: tuple[int, ...], *numbers: object, **options: object) -> None:
        ids = [batch.input(shape, q), *map(batch.numbers, numbers)]
        batch.op(builtin, ids, batch.output(f"{builtin} {result}", result, q), options)

    add("TRANSPOSE", (1, 6, 4, 2), (0, 2, 1, 3))
    add("TRANSPOSE", (1, 2, 4, 6), (0, 3, 1, 2))
    add("PAD", (1, 7, 8, 3), ((0, 0), (1, 2), (0, 2), (1, 0)))
    add("MIRROR_PAD", (1, 6, 6, 2), ((0, 0), (1, 1), (0, 0), (0, 0)), Mode="REFLECT")
    add("STRIDED_SLICE", (1, 2, 3, 1), (0, 0, 1, 1), (1, 4, 6, 2), (1, 2, 2, 1))
    add("SLICE", (1, 2, 3, 1), (0, 1, 1, 1), (1, 2, 3, 1))
    add("GATHER", (1, 4, 3, 2), (5, 0, 0), Axis=2)
    add("TILE", (1, 8, 6, 6), (1, 2, 1, 3))
    add("REVERSE_V2", shape, (2,))
    add("RESIZE_NEAREST_NEIGHBOR", (1, 7, 9, 2), (7, 9))
    for axis in (1, 2, 3):
        values = batch.rng.integers(-(2**15), 2**15, shape).astype(np.int16)
        ids = [batch.input(shape, q), batch.constant(values, q), batch.input(shape, q)]
        result = tuple(3 * n if d == axis else n for d, n in enumerate(shape))
        batch.op("CONCATENATION", ids, batch.output(f"concat {axis}", result, q), {"Axis": axis})
    return batch


MAKERS = (products, extremes, pools, means, functions, softmaxes, movements)


@pytest.mark.parametrize("make", MAKERS, ids=lambda make: make.__name__)
def test_on_the_host(tmp_path: Path, make) -> None:
    check_batch(make(), tmp_path, vectors=1 if make is functions else 5)


@pytest.mark.slow
@pytest.mark.parametrize("core", ["cortex-m7", "cortex-m4"])
def test_on_the_board(tmp_path: Path, core: str) -> None:
    makers = (products, pools, softmaxes) if core == "cortex-m7" else (extremes, means, movements)
    for make in makers:
        check_emulated(make(), tmp_path / make.__name__, core)
