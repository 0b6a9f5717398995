"""FULLY_CONNECTED against the reference: its rounding in double precision above all."""

from __future__ import annotations

import itertools
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
from differential import check_batch
from emulated import check_emulated
from kernel_batch import Batch, Q
from kernel_cases import add_fully_connected

from tinydeploy.board import load_board
from tinydeploy.graph.ops.fully_connected import FullyConnected
from tinydeploy.graph.read import read_graph
from tinydeploy.plan.kernel_choice import fully_connected
from tinydeploy.plan.kernel_choice.fully_connected import PackedKernel
from tinydeploy.plan.kernels import choose_kernels

BOARDS = pytest.mark.parametrize("board", [None, "stm32h743"], ids=["portable", "packed"])


def shapes() -> Batch:
    batch = Batch(1)
    depths, units = [1, 2, 3, 17, 32, 36, 64, 640], [1, 2, 4, 5, 17]
    for depth, count, least in itertools.product(depths, units, [-127, -128]):
        add_fully_connected(batch, shape=(1, depth), units=count, least=least)
    for least in (-127, -128):
        for shape in ((1, 3, 4, 5), (1, 1, 1, 33), (1, 7, 1, 2), (1, 6, 4)):
            add_fully_connected(batch, shape=shape, depth=int(np.prod(shape)), least=least)
        add_fully_connected(batch, shape=(1, 3, 4, 5), depth=5, least=least)
        add_fully_connected(batch, shape=(1, 4, 1, 6), depth=6, least=least)
        add_fully_connected(batch, shape=(1, 6, 4), depth=4, least=least)
    return batch


def numbers() -> Batch:
    batch = Batch(2)
    for pair in itertools.product([-128, 0, 127], [-128, 0, 127]):
        add_fully_connected(batch, zeros=pair, least=-127)
    for activation, per_channel in itertools.product(
        ("NONE", "RELU", "RELU6", "RELU_N1_TO_1"), (False, True)
    ):
        add_fully_connected(batch, activation=activation, per_channel=per_channel)
        add_fully_connected(
            batch, activation=activation, per_channel=per_channel, bias=False, least=-127
        )
    for exponent, per_channel in itertools.product(range(-12, 20, 2), (False, True)):
        for least in (-127, -128):
            add_fully_connected(
                batch, gain=2.0**exponent, per_channel=per_channel, units=40, least=least
            )
    for weights, zero in itertools.product((-128, -127, 127), (-128, 127)):
        add_fully_connected(batch, weights=weights, zeros=(zero, 0))
        add_fully_connected(batch, weights=weights, zeros=(zero, 0), gain=0.05)
    add_fully_connected(batch, shape=(1, 4096), units=6, weights=127)
    add_fully_connected(batch, shape=(1, 4100), units=6)  # in pieces
    add_fully_connected(batch, shape=(1, 21), units=130)  # in blocks of units
    return batch


@BOARDS
def test_shapes(tmp_path: Path, board: str | None) -> None:
    check_batch(shapes(), tmp_path, board=board)


@BOARDS
def test_numbers(tmp_path: Path, board: str | None) -> None:
    check_batch(numbers(), tmp_path, vectors=8, board=board)


@pytest.mark.parametrize("make", [shapes, numbers])
@pytest.mark.parametrize("core", ["cortex-m7", "cortex-m4"])
def test_in_assembly(tmp_path: Path, core: str, make: Callable[[], Batch]) -> None:
    check_emulated(make(), tmp_path, core)


@pytest.mark.parametrize("make", [shapes, numbers])
@pytest.mark.parametrize("core", [None, "cortex-m7"])
def test_in_pieces(
    tmp_path: Path,
    core: str | None,
    make: Callable[[], Batch],
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """Scratch for pieces of a few elements; all of the sums of all units wait for the last one."""
    monkeypatch.setattr(fully_connected, "MAX_SCRATCH", 192)
    graph = read_graph(make().finish(1)[0], "batch")
    chosen = choose_kernels(graph, load_board("stm32h743")).values()
    packed = [kernel for kernel in chosen if isinstance(kernel, PackedKernel)]
    assert all(kernel.scratch_bytes <= 192 for kernel in packed)
    depths = [op.weights.shape[1] for op in graph.ops if isinstance(op, FullyConnected)]
    cut = [
        isinstance(k, PackedKernel) and 3 * k.piece < n for k, n in zip(chosen, depths, strict=True)
    ]
    assert any(cut)
    if core is None:
        check_batch(make(), tmp_path, board="stm32h743")
    else:
        check_emulated(make(), tmp_path, core)


def test_outputs_that_never_leave_a_bound(tmp_path: Path) -> None:
    """Such channels do not keep a layer from being packed."""
    batch = Batch(5)
    batch.rng = np.random.default_rng(6)
    for activation in ("NONE", "RELU"):
        add_fully_connected(
            batch, shape=(1, 1), units=16, zeros=(-128, -128), activation=activation, least=-127
        )
    model, _ = batch.finish(1)
    graph = read_graph(model, "bounds")
    chosen = choose_kernels(graph, load_board("stm32h743"))
    assert {kernel.stem for kernel in chosen.values()} == {"fully_connected_packed_s8"}
    check_batch(batch, tmp_path, board="stm32h743")


def test_instructions(tmp_path: Path) -> None:
    """About one instruction per product, prologue and all; more where weights are -128."""
    batch = Batch(4)
    for depth, least in ((640, -127), (128, -127), (128, -128)):
        add_fully_connected(batch, shape=(1, depth), units=128, least=least)
    joint, short, single = check_emulated(batch, tmp_path, "cortex-m7").values()
    assert joint < 0.93 * 640 * 128
    assert short < 1.02 * 128 * 128
    assert single < 1.34 * 128 * 128


def halves(scale: float, rng: np.random.Generator, count: int) -> np.ndarray:
    """Accumulators whose scaled values lie at, just below and just above halves."""
    near = np.round((rng.integers(-140, 140, count) + 0.5) / scale)
    return np.clip(near + rng.integers(-1, 2, count), -(2**31), 2**31 - 1).astype(np.int32)


@BOARDS
def test_halves(tmp_path: Path, board: str | None) -> None:
    """Biases alone make accumulators next to halves: a bit less of the multiplier would show.

    Scales that are ratios of small integers give doubles just below a half that round up to it.
    """
    batch = Batch(3)
    rng = batch.rng
    ratios = [
        (3.0, 10.0),
        (1.0, 10.0),
        (7.0, 10.0),
        (1.0, 3.0),
        (1.0, 7.0),
        (9.0, 11.0),
        (5.0, 3.0),
    ]
    ratios += [(3.0, 1000.0), (7.0, 9000.0), (11.0, 30000.0), (13.0, 2.0**20 + 7), (1.0, 2.0)]
    ratios += [tuple(rng.uniform(0.001, 0.1, 2).tolist()) for _ in range(40)]
    ratios += [(float(a), float(b)) for a, b in rng.integers(1, 200, (60, 2))]
    units = 120
    for scale, out_scale in ratios:
        for per_channel in (False, True):
            real = float(np.float32(scale)) / float(np.float32(out_scale))
            offsets = halves(real, rng, units)
            source = batch.input((1, 1), Q(1.0, 0))
            name = f"halves {scale} / {out_scale}"
            output = batch.output(name, (1, units), Q(out_scale, int(rng.integers(-128, 128))))
            scales = [scale] * (units if per_channel else 1)
            if per_channel:
                scales[-1] *= 1.5
            batch.weighted(
                "FULLY_CONNECTED",
                source,
                np.zeros((units, 1), np.int8),
                0,
                scales,
                offsets,
                output,
                {},
                1.0,
            )
    assert check_batch(batch, tmp_path, vectors=1, board=board) > 20_000
