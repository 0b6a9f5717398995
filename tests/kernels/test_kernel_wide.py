"""Layers of int16 activations against the reference: those with weights, sums, QUANTIZE."""

from __future__ import annotations

import itertools
from pathlib import Path

import numpy as np
import pytest
from differential import check_batch
from emulated import check_emulated
from kernel_batch import Batch, Q
from wide_cases import (
    add_wide_convolution,
    add_wide_elementwise,
    add_wide_fully_connected,
    wide,
)

SHAPES = [(1, 5, 4, 3), (1, 1, 1, 9), (1, 3, 1, 4), (1, 2, 6, 1), (1, 12), (1, 4, 6)]


def convolutions(multipliers: tuple[int, ...] = (0, 1, 2)) -> Batch:
    batch = Batch(1)
    for multiplier in multipliers:
        for depth in (1, 2, 3, 4, 7, 8, 13):
            add_wide_convolution(batch, depth=depth, multiplier=multiplier, channels=depth % 4 + 1)
        for kernel, padding in itertools.product(
            ((1, 1), (3, 1), (1, 4), (2, 5)), ("SAME", "VALID")
        ):
            stride, dilation = (kernel[1] % 2 + 1, 2), (1, 1)
            options = {"kernel": kernel, "padding": padding, "multiplier": multiplier}
            add_wide_convolution(batch, depth=4, stride=stride, dilation=dilation, **options)
            add_wide_convolution(batch, size=(9, 9), dilation=(2, 2), **options)
        for gain, activation in ((0.01, "NONE"), (8.0, "RELU"), (1.0, "RELU6"), (3000.0, "NONE")):
            add_wide_convolution(
                batch, multiplier=multiplier, gain=gain, activation=activation, per_channel=False
            )
    return batch


def fully_connected() -> Batch:
    batch = Batch(2)
    for depth, units in itertools.product((1, 3, 4, 5, 24, 67), (1, 2, 7)):
        add_wide_fully_connected(batch, shape=(1, depth), units=units)
    for per_channel, bias, gain in itertools.product((False, True), (False, True), (0.01, 1, 30)):
        add_wide_fully_connected(batch, per_channel=per_channel, bias=bias, gain=gain)
    add_wide_fully_connected(batch, shape=(1, 3, 4, 5), units=6)
    add_wide_fully_connected(batch, shape=(1, 3, 4, 5), depth=10)
    add_wide_fully_connected(batch, shape=(1, 4, 3, 2), depth=4)
    add_wide_fully_connected(batch, shape=(1, 900), activation="RELU")
    # Halves, and products just beside them: 1/2^k, and what is no power of 2.
    for ratio in (0.5, 0.99999, 2.0**-9, 1.5 * 2.0**-20, 2.0**-31, 1 / 3):
        add_wide_fully_connected(batch, shape=(1, 6), units=9, ratio=ratio)
    return batch


def sums() -> Batch:
    batch = Batch(3)
    for builtin, shape in itertools.product(("ADD", "SUB"), SHAPES):
        for constant, first in itertools.product((False, True), (0, 1)):
            options = {"constant": constant, "first": first, "PotScaleInt16": False}
            add_wide_elementwise(batch, builtin, shape=shape, **options)
    for builtin, constant in itertools.product(("ADD", "SUB"), (False, True)):
        for other in ((1, 1, 1, 3), (1, 1, 1, 1), (3,), (1,)):
            add_wide_elementwise(
                batch, builtin, other=other, constant=constant, PotScaleInt16=False
            )
    pots = wide(2.0**-11), wide(2.0**-12), wide(2.0**-11)
    small = wide(0.001), wide(0.9), wide(0.0002)
    for qs, activation in itertools.product((pots, small), ("NONE", "RELU", "RELU6")):
        add_wide_elementwise(batch, "ADD", qs=qs, activation=activation, PotScaleInt16=False)
    return batch


def conversions() -> Batch:
    batch = Batch(4)
    narrow = [Q(0.05, -3), Q(0.0002, 127), Q(3.0, -128)]
    broad = [wide(0.0003), wide(0.01), wide(0.05), wide(2.0)]
    pairs = [*itertools.product(narrow, broad), *itertools.product(broad, narrow)]
    for one, other in (*pairs, *itertools.product(broad, broad)):
        source = batch.input((1, 3, 5, 3), one)
        batch.op("QUANTIZE", [source], batch.output(f"{one} {other}", (1, 3, 5, 3), other))
    return batch


MAKERS = (convolutions, fully_connected, sums, conversions)


@pytest.mark.parametrize("make", MAKERS, ids=lambda make: make.__name__)
def test_on_the_host(tmp_path: Path, make) -> None:
    check_batch(make(), tmp_path)


def test_every_int16_is_requantized(tmp_path: Path) -> None:
    batch = Batch(5)
    values = np.arange(-(2**15), 2**15).astype(np.int16).reshape(1, 1, 1, 256, 256)
    for number, (scale, to) in enumerate(
        itertools.product((1.0, 0.3, 2.0), (Q(50.0, 7), wide(0.7)))
    ):
        source = batch.input((1, 1, 256, 256), wide(scale), values)
        batch.op("QUANTIZE", [source], batch.output(f"{number}", (1, 1, 256, 256), to))
    check_batch(batch, tmp_path, vectors=1)


@pytest.mark.parametrize(
    ("make", "core"),
    [
        (convolutions, "cortex-m7"),
        (fully_connected, "cortex-m4"),
        (sums, "cortex-m7"),
        (conversions, "cortex-m4"),
    ],
)
def test_on_the_board(tmp_path: Path, make, core: str) -> None:
    check_emulated(make(), tmp_path, core)
