"""DEPTHWISE_CONV_2D on planes of int16 against the reference, in C and in assembly."""

from __future__ import annotations

import itertools
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from differential import check_batch
from emulated import check_emulated
from kernel_batch import Batch
from kernel_cases import add_chain, add_convolution

from tinydeploy.board import load_board
from tinydeploy.graph.ops.depthwise_conv_2d import DepthwiseConv2D
from tinydeploy.graph.read import read_graph
from tinydeploy.plan.kernel import Kernel
from tinydeploy.plan.kernel_choice import depthwise_conv_2d
from tinydeploy.plan.kernel_choice.depthwise_conv_2d import MAX_SCRATCH, PlanarKernel
from tinydeploy.plan.kernels import choose_kernels

STRIDES = [(1, 1), (2, 2)]


def sizes() -> Batch:
    """3x3 at every width modulo the loops' four columns, one band of rows, several, and tiles."""
    batch = Batch(1)
    for width, stride, padding in itertools.product(range(1, 14), STRIDES, ("SAME", "VALID")):
        if padding == "SAME" or width >= 3:
            height = max(3, width % 7 + 1)
            zeros = (-7 * width % 100 - 40, 5 * width % 50 - 20)
            add_convolution(
                batch,
                multiplier=1,
                depth=4,
                size=(height, width),
                stride=stride,
                padding=padding,
                zeros=zeros,
            )
    for size, stride in itertools.product([(14, 6), (50, 5), (3, 110), (5, 230)], STRIDES):
        add_convolution(batch, multiplier=1, depth=4, size=size, stride=stride)
    return batch


def channels() -> Batch:
    """Channels that are no multiple of four, and depth multipliers."""
    batch = Batch(2)
    for depth, stride in itertools.product(range(1, 14), STRIDES):
        add_convolution(batch, multiplier=1, depth=depth, size=(9, 7), stride=stride)
    for depth, multiplier in itertools.product((1, 2, 3, 5), (2, 3, 4, 5, 8)):
        stride = STRIDES[(depth + multiplier) % 2]
        add_convolution(batch, multiplier=multiplier, depth=depth, size=(8, 9), stride=stride)
    for depth, width in itertools.product((1, 2, 3), range(1, 10)):
        add_convolution(batch, multiplier=2, depth=depth, size=(3, width))
    return batch


def kernels() -> Batch:
    """Windows other than 3x3, and strides other than 1 and 2."""
    batch = Batch(3)
    shapes = [(1, 1), (5, 5), (7, 7), (3, 1), (1, 3), (5, 1), (1, 7), (2, 2), (4, 3), (2, 5)]
    for kernel, stride, width in itertools.product(shapes, STRIDES, (2, 9)):
        add_convolution(batch, multiplier=1, depth=5, size=(8, width), kernel=kernel, stride=stride)
    for kernel, stride in itertools.product([(3, 3), (2, 5)], [(1, 2), (2, 1), (5, 2)]):
        add_convolution(batch, multiplier=1, depth=5, size=(13, 7), kernel=kernel, stride=stride)
    add_convolution(batch, multiplier=1, depth=5, size=(8, 9), stride=(3, 3))  # portable
    add_convolution(batch, multiplier=1, depth=4, size=(9, 8), kernel=(9, 9))
    add_convolution(batch, multiplier=3, depth=2, size=(9, 8), kernel=(5, 5))
    add_convolution(batch, multiplier=1, depth=4, size=(9, 9), dilation=(2, 2))  # portable
    return batch


def numbers() -> Batch:
    """Saturation, every kind of multiplier, and the ends of the numbers."""
    batch = Batch(4)
    for pair, stride in itertools.product(itertools.product((-128, 0, 127), repeat=2), STRIDES):
        add_convolution(batch, multiplier=1, depth=5, zeros=pair, stride=stride)
    for activation, kernel in itertools.product(
        ("RELU", "RELU6", "RELU_N1_TO_1"), ((3, 3), (5, 3))
    ):
        add_convolution(batch, multiplier=1, depth=7, activation=activation, kernel=kernel)
        add_convolution(batch, multiplier=2, depth=3, activation=activation, gain=3.0)
    # Multipliers from 2^-20 to above 2^8, in one layer some of one half and more.
    for exponent in range(-12, 20):
        add_convolution(batch, gain=2.0**exponent, depth=8, multiplier=1, size=(3, 5))
    for weights, zero, gain in itertools.product((-128, -127, 127), (-128, 127), (1.0, 0.05)):
        add_convolution(batch, multiplier=1, weights=weights, zeros=(zero, 0), depth=4, gain=gain)
    return batch


def bounds() -> Batch:
    """Bounds of each channel, and explicit padding on any side."""
    batch = Batch(5)
    clamps = [(True, False), (False, True), (True, True)]
    for clamp, depth, stride in itertools.product(clamps, (1, 3, 4, 7, 8), STRIDES):
        add_chain(batch, depthwise=True, clamp=clamp, depth=depth, stride=stride)
    pads = [(1, 1, 1, 1), (0, 0, 2, 3), (3, 2, 0, 0), (4, 5, 6, 7)]
    for pad, kernel, padding in itertools.product(pads, [(3, 3), (5, 5)], ["SAME", "VALID"]):
        for stride in (*STRIDES, (2, 3)):
            add_chain(
                batch, depthwise=True, pads=pad, kernel=kernel, stride=stride, padding=padding
            )
    pool = ((2, 2), (2, 2), "SAME", "RELU")
    add_chain(batch, depthwise=True, depth=5, clamp=(True, True), pool=pool)  # portable
    return batch


BATCHES = pytest.mark.parametrize("make", [sizes, channels, kernels, numbers, bounds])


@BATCHES
def test_in_c(tmp_path: Path, make: Callable[[], Batch]) -> None:
    check_batch(make(), tmp_path, fuse=True, board="stm32h743")


@BATCHES
def test_in_assembly(tmp_path: Path, make: Callable[[], Batch]) -> None:
    check_emulated(make(), tmp_path, "cortex-m7", vectors=3)


@pytest.fixture
def little_scratch(monkeypatch: pytest.MonkeyPatch) -> None:
    """Loops with planes of few rows, and few columns at a time."""
    choose = depthwise_conv_2d.choose_kernel

    def choose_short(*arguments: Any) -> Kernel | None:
        return choose(*arguments, 640, short=True) or choose(*arguments, short=True)

    monkeypatch.setattr(depthwise_conv_2d, "choose_kernel", choose_short)


@pytest.mark.usefixtures("little_scratch")
@BATCHES
def test_in_c_in_little_scratch(tmp_path: Path, make: Callable[[], Batch]) -> None:
    check_batch(make(), tmp_path, fuse=True, board="stm32h743")


@pytest.mark.usefixtures("little_scratch")
@pytest.mark.parametrize("make", [sizes, kernels, numbers])
def test_in_assembly_in_little_scratch(tmp_path: Path, make: Callable[[], Batch]) -> None:
    check_emulated(make(), tmp_path, "cortex-m7", vectors=3)


def test_in_assembly_of_the_other_core(tmp_path: Path) -> None:
    check_emulated(sizes(), tmp_path, "cortex-m4", vectors=3)


def test_in_assembly_of_the_other_compiler(tmp_path: Path) -> None:
    check_emulated(bounds(), tmp_path, "cortex-m4", vectors=3, toolchain="zig")


def test_choice() -> None:
    """What runs where, within the scratch that is allowed."""
    batch = Batch(6)
    add_convolution(batch, multiplier=1, size=(96, 96), depth=8)
    add_convolution(batch, multiplier=1, size=(12, 12), depth=8, zeros=(3, -128))
    add_convolution(batch, multiplier=1, size=(200, 300), depth=8, stride=(2, 2))
    add_convolution(batch, multiplier=1, size=(20, 300), depth=8, kernel=(11, 11))
    add_convolution(batch, multiplier=1, size=(9, 9), depth=8, dilation=(2, 1))
    add_convolution(batch, multiplier=1, size=(9, 9), depth=8, gain=2.0**10)
    graph = read_graph(batch.finish(1)[0], "batch")
    chosen = list(choose_kernels(graph, load_board("stm32l4r9")).values())
    forms = [k.form if isinstance(k, PlanarKernel) else k.stem for k in chosen]
    assert forms == [
        "3x3_stride1",
        "3x3_stride1_rectified",
        "3x3_stride2",
        "any",
        "depthwise_conv_2d_s8",
        "depthwise_conv_2d_s8",
    ]
    assert max(kernel.scratch_bytes for kernel in chosen) <= MAX_SCRATCH
    small = choose_kernels(graph, load_board("stm32l4r9"), "flash").values()
    assert {k.form for k in small if isinstance(k, PlanarKernel)} == {
        "3x3_stride1",
        "3x3_stride2",
        "any",
    }


def test_every_window_runs_on_planes() -> None:
    """5x5, 7x7, k x 1, 1 x k and all others; not with dilation or a stride above 2 in width."""
    graph = read_graph(kernels().finish(1)[0], "batch")
    chosen = choose_kernels(graph, load_board("stm32h743"))
    for position, op in enumerate(graph.ops):
        assert isinstance(op, DepthwiseConv2D)
        fast = op.dilation == (1, 1) and op.stride[1] <= 2
        assert isinstance(chosen[position], PlanarKernel) == fast, op


def test_instructions(tmp_path: Path) -> None:
    """Per output, all included."""
    batch = Batch(7)
    cases = [
        ({"size": (48, 48), "depth": 8}, 17.2),
        ({"size": (12, 12), "depth": 64}, 19.6),
        ({"size": (6, 6), "depth": 128}, 21.0),
        ({"size": (24, 24), "depth": 32, "stride": (2, 2)}, 26.0),
        ({"size": (96, 96), "depth": 1, "multiplier": 8, "stride": (2, 2)}, 19.8),
    ]
    for arguments, _ in cases:
        add_convolution(batch, **{"multiplier": 1, "zeros": (5, -128), **arguments})  # type: ignore[arg-type]
    counts = check_emulated(batch, tmp_path, "cortex-m7")
    graph = read_graph(batch.finish(1)[0], "batch")
    for op, count, (arguments, most) in zip(graph.ops, counts.values(), cases, strict=True):
        outputs = int(np.prod(graph.tensors[op.outputs[0]].shape))
        assert count < most * outputs, f"{arguments}: {count / outputs:.2f} per output"
