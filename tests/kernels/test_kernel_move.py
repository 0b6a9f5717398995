"""Ops that move bytes, against the reference."""

from __future__ import annotations

import itertools
from collections.abc import Sequence
from pathlib import Path

import numpy as np
import pytest
from differential import check_batch
from emulated import check_emulated
from kernel_batch import Batch, Q

Shape = tuple[int, ...]
Q0 = Q(0.1, 5)


def add(
    batch: Batch,
    builtin: str,
    shape: Shape,
    output: Shape | Sequence[Shape],
    *numbers: object,
    first: bool = False,
    **options: object,
) -> None:
    """Adds an operator on one input; `numbers` are its constants, `first` puts them in front."""
    source = batch.input(shape, Q0)
    constants = [batch.numbers(values) for values in numbers]
    shapes = [output] if isinstance(output[0], int) else output
    name = f"{builtin} {shape} -> {output} {numbers} {options}"
    outputs = [batch.output(f"{name} {i}", one, Q0) for i, one in enumerate(shapes)]  # type: ignore[arg-type]
    inputs = [*constants, source] if first else [source, *constants]
    batch.op(builtin, inputs, outputs, options)


def transpositions(batch: Batch) -> None:
    for order in itertools.permutations((1, 2, 3)):
        shape = (1, 4, 3, 5)
        add(batch, "TRANSPOSE", shape, tuple(shape[d] for d in (0, *order)), (0, *order))
    for shape, order in (
        ((1, 5, 3), (0, 2, 1)),
        ((1, 4), (1, 0)),
        ((1, 3, 2, 4, 5), (0, 1, 3, 2, 4)),
        ((1, 2, 3, 2, 3, 2), (0, 5, 3, 1, 4, 2)),
        ((2, 1, 3, 2), None),
        ((1, 1, 6, 4), (2, 0, 1, 3)),
    ):
        if order is not None and shape[0] == 1:
            result = tuple(shape[d] for d in order)
            if len(result) != 4 or result[0] == 1:
                add(batch, "TRANSPOSE", shape, result, order)


def slices(batch: Batch) -> None:
    shape = (1, 6, 5, 4)
    add(batch, "SLICE", shape, (1, 2, 5, 4), (0, 1, 0, 0), (1, 2, 5, 4))
    add(batch, "SLICE", shape, (1, 6, 2, 3), (0, 0, 3, 1), (1, -1, 2, -1))
    add(batch, "SLICE", (1, 7, 3), (1, 4, 2), (0, 2, 1), (1, 4, 2))
    add(batch, "SLICE", (9,), (4,), (5,), (-1,))
    for begin, end, strides, result, masks in (
        ((0, 1, 0, 0), (1, 6, 5, 4), (1, 2, 1, 1), (1, 3, 5, 4), {}),
        ((0, 5, -1, 3), (1, 0, 0, 0), (1, -2, -1, -3), (1, 3, 4, 1), {}),
        ((0, 1, 0, -1), (0, 5, 0, 0), (1, 3, 2, 1), (1, 2, 3, 1), {"BeginMask": 5, "EndMask": 13}),
        ((0, 2, 0, 0), (1, 3, 5, 4), (1, 1, 1, 1), (1, 5, 4), {"ShrinkAxisMask": 2}),
        ((0, 0, -1, 0), (1, 6, 0, 4), (1, 1, 1, 1), (1, 6, 4), {"ShrinkAxisMask": 4}),
        ((0, -100, 0, 0), (1, 100, 5, 4), (1, 5, 1, 2), (1, 2, 5, 2), {}),
    ):
        add(batch, "STRIDED_SLICE", shape, result, begin, end, strides, **masks)
    add(batch, "STRIDED_SLICE", (1, 8, 3), (1, 3, 3), (0, 7, 0), (1, 0, 3), (1, -3, 1))
    for axis in (1, 2, 3):
        add(batch, "REVERSE_V2", shape, shape, (axis,))
    add(batch, "REVERSE_V2", (1, 8, 3), (1, 8, 3), (1,))


PACKS = (((1, 4, 5), 1, 3), ((1, 4, 5), 2, 2), ((1, 4, 5), -1, 4), ((1, 7), -1, 2))


def pieces(batch: Batch) -> None:
    for axis in (1, 2, 3, -1):
        shape = (1, 4, 6, 2)
        half = tuple(n // 2 if d == axis % 4 else n for d, n in enumerate(shape))
        add(batch, "SPLIT", shape, (half, half), axis, first=True, NumSplits=2)
        sizes = (1, shape[axis] - 1)
        parts = [tuple(s if d == axis % 4 else n for d, n in enumerate(shape)) for s in sizes]
        add(batch, "SPLIT_V", shape, parts, (1, -1), axis, NumSplits=2)
        without = tuple(n for d, n in enumerate(shape) if d != axis % 4)
        add(batch, "UNPACK", shape, (without,) * shape[axis], Num=shape[axis], Axis=axis)
    add(batch, "SPLIT", (1, 6, 3), ((1, 2, 3),) * 3, 1, first=True, NumSplits=3)
    add(batch, "SPLIT_V", (1, 9), ((1, 2), (1, 3), (1, 4)), (2, 3, 4), 1, NumSplits=3)
    for shape, axis, count in PACKS:
        inputs = [batch.input(shape, Q0) for _ in range(count)]
        place = axis % (len(shape) + 1)
        output = batch.output(f"pack {axis}", (*shape[:place], count, *shape[place:]), Q0)
        batch.op("PACK", inputs, output, {"Axis": axis, "ValuesCount": count})
    for axis, shapes in (
        (1, ((1, 2, 3), (1, 4, 3))),
        (2, ((1, 2, 3), (1, 2, 1))),
        (0, ((3,), (2,))),
    ):
        inputs = [batch.input(shape, Q0) for shape in shapes]
        result = tuple(
            sum(s[d] for s in shapes) if d == axis else n for d, n in enumerate(shapes[0])
        )
        batch.op("CONCATENATION", inputs, batch.output("concat", result, Q0), {"Axis": axis})
    for shape, axis, first in itertools.product(((1, 3, 4, 2), (1, 4, 3)), (1, 2), (False, True)):
        values = batch.rng.integers(-128, 128, (2, *shape)).astype(np.int8)
        inputs = [batch.constant(values[0], Q0), batch.input(shape, Q0)]
        inputs = [*(inputs if first else inputs[::-1]), batch.constant(values[1], Q0)]
        result = tuple(n * 3 if d == axis else n for d, n in enumerate(shape))
        output = batch.output(f"with constants {shape} {axis}", result, Q0)
        batch.op("CONCATENATION", inputs, output, {"Axis": axis})
        result = (*shape[:axis], 3, *shape[axis:])
        output = batch.output(f"packed with constants {shape} {axis}", result, Q0)
        batch.op("PACK", inputs, output, {"Axis": axis, "ValuesCount": 3})
    one = batch.input((1, 3, 2, 4), Q0)
    batch.op("CONCATENATION", [one], batch.output("one", (1, 3, 2, 4), Q0), {"Axis": 0})


def blocks(batch: Batch) -> None:
    for block, (h, w, c) in itertools.product((1, 2, 3), ((1, 2, 3), (2, 1, 1), (3, 2, 4))):
        wide, deep = (1, h * block, w * block, c), (1, h, w, c * block**2)
        if block > 1:
            add(batch, "SPACE_TO_DEPTH", wide, deep, BlockSize=block)
            add(batch, "DEPTH_TO_SPACE", deep, wide, BlockSize=block)


def repetitions(batch: Batch) -> None:
    for times in ((1, 2, 1, 1), (1, 1, 3, 1), (1, 1, 1, 2), (1, 2, 3, 2)):
        shape = (1, 3, 2, 4)
        add(batch, "TILE", shape, tuple(np.multiply(shape, times).tolist()), times)
    add(batch, "TILE", (1, 3, 2), (1, 6, 6), (1, 2, 3))
    for shape, result in (
        ((1, 1, 1, 4), (1, 3, 2, 4)),
        ((1, 3, 1, 4), (1, 3, 5, 4)),
        ((1, 3, 2, 1), (1, 3, 2, 5)),
        ((4,), (1, 2, 3, 4)),
        ((1, 1), (1, 6)),
    ):
        add(batch, "BROADCAST_TO", shape, result, result)
    for axis, picked in ((1, (3, 0, 0, 2)), (2, (1,)), (3, (4, 3, 2, 1, 0)), (-1, 2), (1, 2)):
        shape = (1, 4, 2, 5)
        middle = (len(picked),) if isinstance(picked, tuple) else ()
        result = (*shape[: axis % 4], *middle, *shape[axis % 4 + 1 :])
        add(batch, "GATHER", shape, result, picked, Axis=axis)


def pads(batch: Batch) -> None:
    for amounts, mode in itertools.product(
        (((1, 2), (2, 0), (0, 0)), ((0, 3), (0, 1), (1, 1)), ((3, 3), (2, 2), (1, 0))),
        ("REFLECT", "SYMMETRIC"),
    ):
        shape = (1, 4, 3, 2)
        result = (1, *(n + a + b for n, (a, b) in zip(shape[1:], amounts, strict=True)))
        add(batch, "MIRROR_PAD", shape, result, ((0, 0), *amounts), Mode=mode)
    add(batch, "MIRROR_PAD", (1, 5, 3), (1, 8, 3), ((0, 0), (2, 1), (0, 0)), Mode="REFLECT")
    add(batch, "PAD", (1, 5, 3), (1, 8, 3), ((0, 0), (2, 1), (0, 0)))
    add(batch, "PAD", (1, 5, 3), (1, 7, 5), ((0, 0), (1, 1), (0, 2)))
    add(batch, "PAD", (1, 2), (4, 3), ((1, 2), (0, 1)))
    add(batch, "PAD", (1, 2, 3, 2, 2), (1, 4, 3, 2, 3), ((0, 0), (1, 1), (0, 0), (0, 0), (1, 0)))


MAKERS = (transpositions, slices, pieces, blocks, repetitions, pads)


@pytest.mark.parametrize("make", MAKERS, ids=lambda make: make.__name__)
def test_moves(tmp_path: Path, make) -> None:
    batch = Batch(1)
    make(batch)
    check_batch(batch, tmp_path)


@pytest.mark.parametrize("core", ["cortex-m7", "cortex-m4"])
def test_on_the_board(tmp_path: Path, core: str) -> None:
    batch = Batch(2)
    for make in MAKERS[:: 1 if core == "cortex-m7" else 3]:
        make(batch)
    check_emulated(batch, tmp_path, core)
