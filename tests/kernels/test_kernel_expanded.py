"""Expansions computed inside of depthwise convolutions, against the reference's separate ops."""

from __future__ import annotations

import itertools
from collections.abc import Callable, Mapping
from pathlib import Path

import pytest
from differential import check_batch
from emulated import check_emulated
from expanded_cases import add_expanded
from kernel_batch import Batch
from kernel_library import Choose

from tinydeploy.board import Board
from tinydeploy.graph.graph import Graph
from tinydeploy.graph.ops.expanded_depthwise_conv_2d import ExpandedDepthwiseConv2D
from tinydeploy.plan.kernel import Kernel
from tinydeploy.plan.kernel_choice.expanded_depthwise_conv_2d import list_kernels


def windows() -> Batch:
    """Strides, paddings and sizes: rows of padding above and below, bands cut anywhere."""
    batch = Batch(1)
    for size, stride, padding in itertools.product(
        [(3, 3), (9, 8), (8, 13), (17, 5)], [(1, 1), (2, 2)], ["SAME", "VALID"]
    ):
        add_expanded(batch, size=size, stride=stride, padding=padding)
    for kernel, stride in itertools.product([(5, 5), (1, 3), (3, 1), (7, 7)], [(1, 1), (2, 2)]):
        add_expanded(batch, size=(11, 9), kernel=kernel, stride=stride)
    for pads in [(0, 0, 1, 1), (1, 1, 1, 1), (3, 2, 0, 0), (4, 5, 6, 7)]:
        add_expanded(batch, pads=pads, stride=(2, 2), padding="VALID")
        add_expanded(batch, pads=pads, padding="VALID")
    add_expanded(batch, size=(12, 6), stride=(3, 2), kernel=(2, 2))  # rows that no window sees
    return batch


def numbers() -> Batch:
    """Channels, zero points (also of the padding), saturation, bounds of channels."""
    batch = Batch(2)
    for depth, channels in itertools.product((1, 4, 7, 16), (4, 12, 20, 48)):
        add_expanded(batch, depth=depth, channels=channels)
    for zeros in ((-128, -128, 127), (127, 127, -128), (0, -128, 0)):
        for activation in ("NONE", "RELU", "RELU6"):
            add_expanded(batch, zeros=zeros, activation=activation, stride=(2, 2))
    for gain in (0.05, 5.0, 40.0):
        add_expanded(batch, gain=gain, channels=16)
    for stride in ((1, 1), (2, 2)):
        add_expanded(batch, clamp=True, stride=stride, channels=12)
    return batch


BATCHES = pytest.mark.parametrize("make", [windows, numbers])


def choose(which: int) -> Choose:
    """A choice of kernels: of each layer another one of its list, beginning with the given one."""

    def kernels(graph: Graph, board: Board | None) -> Mapping[int, Kernel]:
        found: dict[int, Kernel] = {}
        for position, op in enumerate(graph.ops):
            assert isinstance(op, ExpandedDepthwiseConv2D)
            assert board is not None
            listed = list_kernels(op, graph, board, "balanced")
            found[position] = listed[(which + position * 7) % len(listed)]
        return found

    return kernels


@BATCHES
@pytest.mark.parametrize("which", [0, 1, 3, 6])
def test_in_c(tmp_path: Path, make: Callable[[], Batch], which: int) -> None:
    check_batch(make(), tmp_path, fuse=True, board="stm32h743", choose=choose(which))


@BATCHES
def test_in_assembly(tmp_path: Path, make: Callable[[], Batch]) -> None:
    check_emulated(make(), tmp_path, "cortex-m7", vectors=3, choose=choose(2))


def test_in_assembly_of_the_other_core(tmp_path: Path) -> None:
    check_emulated(windows(), tmp_path, "cortex-m4", vectors=3)
