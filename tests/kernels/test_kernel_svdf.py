"""SVDF against the reference, several steps of a stream in a row."""

from __future__ import annotations

import itertools
from pathlib import Path

import numpy as np
from differential import check_batch
from emulated import check_emulated
from kernel_batch import Batch, Q


def add_svdf(
    batch: Batch,
    *,
    depth: int = 9,
    units: int = 4,
    rank: int = 1,
    memory: int = 5,
    bias: bool = True,
    gain: float = 1.0,
    zeros: tuple[int, int] = (-3, 5),
) -> None:
    """Adds a layer of random weights; a `gain` of 1 spreads its outputs over the whole range."""
    rng, writer = batch.rng, batch.writer
    filters = units * rank
    values = rng.integers(-127, 128, (filters, depth)).astype(np.int8)
    time = rng.integers(-3000, 3000, (filters, memory)).astype(np.int16)
    sum_scale = 0.04 * 0.01
    state_scale = sum_scale * 73 * 74 * np.sqrt(depth) / 8000
    spread = state_scale * 0.0004 * 8000 * 1700 * np.sqrt(memory * rank)
    ids = [
        batch.input((1, depth), Q(0.04, zeros[0])),
        writer.add_tensor("", values.shape, "int8", scales=[0.01], data=values),
        writer.add_tensor("", time.shape, "int16", scales=[0.0004], data=time),
        -1,
        writer.add_tensor("", (1, filters * memory), "int16", scales=[state_scale], variable=True),
    ]
    if bias:
        offsets = rng.integers(-(10**6), 10**6, units).astype(np.int32)
        scale = [float(state_scale * 0.0004)]
        ids[3] = writer.add_tensor("", (units,), "int32", scales=scale, data=offsets)
    name = f"{depth} {units} {rank} {memory} {bias} {gain} {zeros}"
    output = batch.output(name, (1, units), Q(float(np.float32(spread / 60 / gain)), zeros[1]))
    batch.op("SVDF", ids, output, {"Rank": rank, "FusedActivationFunction": "RELU"})


def layers() -> Batch:
    batch = Batch(1)
    for depth, units, rank, memory in itertools.product((1, 9), (1, 4), (1, 2), (1, 5)):
        add_svdf(batch, depth=depth, units=units, rank=rank, memory=memory)
    for bias, gain, zeros in itertools.product((False, True), (0.1, 5), ((-128, 127), (127, -128))):
        add_svdf(batch, bias=bias, gain=gain, zeros=zeros)
    return batch


def test_steps_of_a_stream(tmp_path: Path) -> None:
    check_batch(layers(), tmp_path, vectors=12)


def test_on_the_board(tmp_path: Path) -> None:
    check_emulated(layers(), tmp_path, "cortex-m7", vectors=10)
