"""Layers that fusion makes of several ops, against the reference's separate ops."""

from __future__ import annotations

import itertools
from pathlib import Path

import numpy as np
import pytest
from differential import check_batch
from kernel_batch import Batch, Q, window_size


def add_chain(
    batch: Batch,
    *,
    depthwise: bool,
    size: tuple[int, int] = (9, 8),
    depth: int = 3,
    channels: int = 5,
    kernel: tuple[int, int] = (3, 3),
    stride: tuple[int, int] = (1, 1),
    padding: str = "SAME",
    pads: tuple[int, int, int, int] | None = None,
    clamp: tuple[bool, bool] = (False, False),
    pool: tuple[tuple[int, int], tuple[int, int], str, str] | None = None,
) -> None:
    """PAD, a convolution, MAXIMUM, MINIMUM, MAX_POOL_2D: each of them if asked for.

    `pads` is (top, left, bottom, right), `pool` (kernel, stride, padding, activation).
    """
    rng = batch.rng
    channels = depth if depthwise else channels
    q, out_q = Q(0.04, int(rng.integers(-20, 20))), Q(0.9, int(rng.integers(-40, 40)))
    name = (
        f"depthwise {depthwise} {size} {kernel} {stride} {padding} pads {pads} clamp {clamp} {pool}"
    )
    tensor = batch.input((1, *size, depth), q)
    sizes = list(size)
    if pads:
        top, left, bottom, right = pads
        sizes = [sizes[0] + top + bottom, sizes[1] + left + right]
        padded = batch.tensor((1, *sizes, depth), q)
        amounts = batch.numbers([(0, 0), (top, bottom), (left, right), (0, 0)])
        batch.op("PAD", [tensor, amounts], padded, {})
        tensor = padded
    sizes = [
        window_size(n, k, s, 1, padding) for n, k, s in zip(sizes, kernel, stride, strict=True)
    ]
    stages = [int(clamp[0]), int(clamp[1]), int(pool is not None)]
    weights = rng.integers(
        -127, 128, (1, *kernel, channels) if depthwise else (channels, *kernel, depth)
    ).astype(np.int8)
    bias = rng.integers(-9000, 9000, channels).astype(np.int32)
    shape = (1, *sizes, channels)
    output = batch.tensor(shape, out_q) if any(stages) else batch.output(name, shape, out_q)
    options: dict[str, object] = {"Padding": padding, "StrideH": stride[0], "StrideW": stride[1]}
    if depthwise:
        options["DepthMultiplier"] = 1
    batch.weighted(
        "DEPTHWISE_CONV_2D" if depthwise else "CONV_2D",
        tensor,
        weights,
        3 if depthwise else 0,
        rng.uniform(0.002, 0.03, channels).tolist(),
        bias,
        output,
        options,
        q.scale,
    )
    tensor = output
    for stage, builtin in enumerate(("MAXIMUM", "MINIMUM")):
        if not clamp[stage]:
            continue
        bounds = (
            rng.integers(-128, 30, channels) if stage == 0 else rng.integers(-30, 128, channels)
        )
        last = not any(stages[stage + 1 :])
        output = batch.output(name, shape, out_q) if last else batch.tensor(shape, out_q)
        batch.op(builtin, [tensor, batch.constant(bounds.astype(np.int8), out_q)], output)
        tensor = output
    if pool:
        pool_kernel, pool_stride, pool_padding, activation = pool
        pooled = [
            window_size(n, k, s, 1, pool_padding)
            for n, k, s in zip(sizes, pool_kernel, pool_stride, strict=True)
        ]
        options = {
            "Padding": pool_padding,
            "StrideH": pool_stride[0],
            "StrideW": pool_stride[1],
            "FilterHeight": pool_kernel[0],
            "FilterWidth": pool_kernel[1],
            "FusedActivationFunction": activation,
        }
        batch.op(
            "MAX_POOL_2D", [tensor], batch.output(name, (1, *pooled, channels), out_q), options
        )


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
