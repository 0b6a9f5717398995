"""CONV_2D with one window, the whole input, against the reference: in C and in assembly."""

from __future__ import annotations

import itertools
from pathlib import Path

import pytest
from differential import check_batch
from emulated import check_emulated
from kernel_batch import Batch
from kernel_cases import add_convolution

from tinydeploy.board import load_board
from tinydeploy.graph.read import read_graph
from tinydeploy.plan.kernels import choose_kernels

BOARD = "stm32l4r9"


def cases() -> Batch:
    batch = Batch(1)

    def add(size: tuple[int, int] = (1, 1), depth: int = 8, **others: object) -> None:
        add_convolution(
            batch,
            size=size,
            kernel=size,
            depth=depth,
            padding="VALID",
            **others,  # type: ignore[arg-type]
        )

    for depth, channels in itertools.product((4, 8, 20, 64), (1, 2, 3, 4, 5, 7, 64, 65, 130)):
        add(depth=depth, channels=channels)
    for size in ((1, 4), (2, 2), (3, 4), (7, 4)):
        for stride in ((1, 1), (2, 3)):
            add(size, 3 if size[1] == 4 else 5, stride=stride)
    for zeros in itertools.product((-128, 0, 127), (-128, 0, 127)):
        add(zeros=zeros)
    for activation in ("RELU", "RELU6", "RELU_N1_TO_1"):
        for per_channel in (False, True):
            add(activation=activation, per_channel=per_channel)
    for exponent in range(-12, 12, 3):
        add(gain=2.0**exponent, channels=40)
    for weights, zero in itertools.product((-127, 127), (-128, 127)):
        add(
            depth=512, channels=5, weights=weights, zeros=(zero, 0)
        )  # the largest sums there may be
    return batch


def test_in_c(tmp_path: Path) -> None:
    graph = read_graph(cases().finish(1)[0], "batch")
    kernels = choose_kernels(graph, load_board(BOARD)).values()
    assert {kernel.stem for kernel in kernels} == {"conv_2d_dense_s8"}
    check_batch(cases(), tmp_path, vectors=8, board=BOARD)


@pytest.mark.parametrize("core", ["cortex-m7", "cortex-m4"])
def test_in_assembly(tmp_path: Path, core: str) -> None:
    check_emulated(cases(), tmp_path, core)


def test_instructions(tmp_path: Path) -> None:
    """About one instruction per product; by products of matrices it would be two and more."""
    batch = Batch(2)
    add_convolution(batch, size=(1, 1), kernel=(1, 1), depth=512, channels=128)
    (count,) = check_emulated(batch, tmp_path, "cortex-m4").values()
    assert count < 1.01 * 512 * 128


@pytest.mark.parametrize(
    "case",
    [
        {"size": (1, 2), "kernel": (1, 1)},  # two windows
        {"size": (2, 2), "kernel": (3, 3)},  # padding
        {"size": (1, 1), "kernel": (1, 1), "depth": 6},  # no fours
        {"size": (1, 1), "kernel": (1, 1), "depth": 516, "weights": 127},  # sums that may overflow
        {"size": (1, 1), "kernel": (1, 1), "weights": -128},
    ],
)
def test_others_are_products_of_matrices(case: dict[str, object]) -> None:
    """And then all of the net are: another kernel in flash would gain little."""
    batch = Batch(3)
    add_convolution(batch, size=(1, 1), kernel=(1, 1), depth=8)
    add_convolution(batch, **({"depth": 8} | case))  # type: ignore[arg-type]
    graph = read_graph(batch.finish(1)[0], "batch")
    kernels = choose_kernels(graph, load_board(BOARD)).values()
    assert "conv_2d_dense_s8" not in {kernel.stem for kernel in kernels}
