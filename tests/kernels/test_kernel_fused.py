"""Layers that fusion makes of several ops, against the reference's separate ops."""

from __future__ import annotations

import itertools
from pathlib import Path

import numpy as np
import pytest
from differential import check_batch
from kernel_batch import Batch, Q
from kernel_cases import add_chain


@pytest.mark.parametrize("depthwise", [False, True])
def test_pool_behind_convolution(tmp_path: Path, depthwise: bool) -> None:
    batch = Batch(1)
    pools = [
        ((2, 2), (2, 2), "SAME", "NONE"),
        ((2, 2), (2, 2), "VALID", "NONE"),
        ((2, 3), (2, 1), "SAME", "RELU"),
        ((1, 2), (3, 2), "VALID", "RELU6"),
        ((3, 3), (4, 2), "SAME", "RELU_N1_TO_1"),
        ((9, 8), (9, 8), "VALID", "NONE"),
    ]
    for pool, stride, kernel in itertools.product(pools[:5], [(1, 1), (2, 1)], [(1, 1), (3, 3)]):
        add_chain(batch, depthwise=depthwise, stride=stride, kernel=kernel, pool=pool)
    add_chain(batch, depthwise=depthwise, pool=pools[5])
    for depth in (1, 4, 6, 17):
        clamp = (bool(depth % 2), True)
        add_chain(batch, depthwise=depthwise, depth=depth, clamp=clamp, pool=pools[0])
    check_batch(batch, tmp_path, fuse=True)


@pytest.mark.parametrize("depthwise", [False, True])
def test_clamps_and_padding(tmp_path: Path, depthwise: bool) -> None:
    batch = Batch(2)
    for clamp, depth in itertools.product([(True, False), (False, True), (True, True)], (1, 4, 7)):
        add_chain(batch, depthwise=depthwise, depth=depth, clamp=clamp)
    for pads, kernel, padding in itertools.product(
        [(1, 1, 1, 1), (0, 0, 2, 3), (3, 2, 0, 0), (4, 5, 6, 7)],
        [(1, 1), (3, 3)],
        ["SAME", "VALID"],
    ):
        for stride in ((1, 1), (2, 3)):
            add_chain(
                batch, depthwise=depthwise, pads=pads, kernel=kernel, stride=stride, padding=padding
            )
    add_chain(
        batch,
        depthwise=depthwise,
        pads=(0, 0, 1, 1),
        stride=(2, 2),
        padding="VALID",
        clamp=(True, True),
        pool=((2, 2), (2, 2), "SAME", "NONE"),
    )
    check_batch(batch, tmp_path, fuse=True)


def test_bounds_of_fully_connected(tmp_path: Path) -> None:
    batch = Batch(3)
    rng = batch.rng
    q, out_q = Q(0.04, 7), Q(0.5, -11)
    for units in (1, 2, 9):
        source = batch.input((1, 20), q)
        middle = batch.tensor((1, units), out_q)
        weights = rng.integers(-127, 128, (units, 20)).astype(np.int8)
        bias = np.zeros(units, np.int32)
        batch.weighted("FULLY_CONNECTED", source, weights, 0, [0.01], bias, middle, {}, q.scale)
        lower = batch.constant(rng.integers(-128, 60, units).astype(np.int8), out_q)
        output = batch.output(f"bounded fully-connected {units}", (1, units), out_q)
        batch.op("MAXIMUM", [middle, lower], output)
    check_batch(batch, tmp_path, vectors=12, fuse=True)
