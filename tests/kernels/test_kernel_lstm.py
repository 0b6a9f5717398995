"""UNIDIRECTIONAL_SEQUENCE_LSTM against the reference, several sequences of a stream in a row."""

from __future__ import annotations

import itertools
from pathlib import Path

from differential import check_batch
from emulated import check_emulated
from kernel_batch import Batch, Q

from tests.model_builder import Handle, add_lstm


def add_case(
    batch: Batch,
    *,
    steps: int = 3,
    depth: int = 5,
    units: int = 4,
    zeros: tuple[int, int, int] = (-3, 7, 7),
    time_major: bool = False,
    **changes: float,
) -> None:
    """Adds a layer; `zeros` are of the input, the kept output, and inside."""
    shapes = [(steps, 1, n) if time_major else (1, steps, n) for n in (depth, units)]
    x = Handle(batch.input(shapes[0], Q(0.03, zeros[0])), shapes[0], 0.03, zeros[0])
    name = f"{steps} {depth} {units} {zeros} {time_major} {changes}"
    output = batch.output(name, shapes[1], Q(1 / 128, zeros[1]))
    y = Handle(output, shapes[1], 1 / 128, zeros[1])
    add_lstm(batch.writer, batch.rng, x, y, inside=zeros[2], TimeMajor=time_major, **changes)


def layers() -> Batch:
    batch = Batch(1)
    for steps, depth, units in itertools.product((1, 5), (1, 9), (1, 6)):
        add_case(batch, steps=steps, depth=depth, units=units)
    for cell_log2, gain in itertools.product(range(-15, -8), (0.3, 30.0)):
        add_case(batch, cell_log2=cell_log2, gain=gain)
    add_case(batch, steps=1, time_major=True)
    for zeros in ((-128, -128, -128), (127, 127, 127), (0, -128, 127), (5, 0, -9)):
        add_case(batch, zeros=zeros, steps=4)
    for clip, hidden_scale in ((0.01, 1 / 128), (0.7, 1 / 300), (1000.0, 1 / 50)):
        add_case(batch, CellClip=clip, hidden_scale=hidden_scale, gain=4.0)
    return batch


def test_steps_of_a_stream(tmp_path: Path) -> None:
    check_batch(layers(), tmp_path, vectors=8)


def test_on_the_board(tmp_path: Path) -> None:
    check_emulated(layers(), tmp_path, "cortex-m7", vectors=4)
