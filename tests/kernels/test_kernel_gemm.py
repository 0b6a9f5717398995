"""CONV_2D as products of matrices against the reference: every form, in C and in assembly."""

from __future__ import annotations

import importlib.util
import itertools
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from differential import check_batch
from emulated import check_emulated
from kernel_batch import Batch
from kernel_cases import add_chain, add_convolution

from tinydeploy.board import load_board
from tinydeploy.graph.graph import Graph
from tinydeploy.graph.ops.conv_2d import Conv2D
from tinydeploy.graph.read import read_graph
from tinydeploy.plan.cost import call_instructions
from tinydeploy.plan.kernel import Kernel
from tinydeploy.plan.kernel_choice import conv_2d
from tinydeploy.plan.kernel_choice.conv_2d import SCRATCH, GemmKernel, make_kernel
from tinydeploy.plan.kernel_choice.conv_2d_pair import list_pairs
from tinydeploy.plan.kernels import choose_kernels


def pointwise() -> Batch:
    """1x1: any depth, channels that fill no block, odd pixels, one pixel, steps."""
    batch = Batch(1)
    for depth in range(1, 20):
        add_convolution(batch, kernel=(1, 1), depth=depth, channels=20 - depth, size=(3, 5))
        add_convolution(batch, kernel=(1, 1), depth=4 * depth, channels=7, size=(5, 3))
    for size, stride in itertools.product(
        [(1, 1), (1, 2), (1, 3), (4, 4), (7, 7), (9, 5)], [(1, 1), (2, 2), (1, 3), (2, 1)]
    ):
        add_convolution(batch, kernel=(1, 1), depth=8, channels=12, size=size, stride=stride)
    return batch


def windows() -> Batch:
    """Kernels, strides, paddings and dilations, runs of taps that are fours and that are not."""
    batch = Batch(2)
    kernels = [(3, 3), (2, 5), (5, 2), (10, 4), (3, 1)]
    strides = [(1, 1), (2, 2), (1, 3)]
    for kernel, stride, padding in itertools.product(kernels, strides, ("SAME", "VALID")):
        for depth in (1, 4):
            add_convolution(
                batch, kernel=kernel, stride=stride, padding=padding, size=(11, 6), depth=depth
            )
    for dilation, padding in itertools.product([(2, 2), (1, 3), (3, 1)], ("SAME", "VALID")):
        for depth, kernel in itertools.product((3, 4), ((3, 3), (2, 2), (3, 1))):
            add_convolution(
                batch, dilation=dilation, padding=padding, size=(9, 8), depth=depth, kernel=kernel
            )
    for size, kernel in itertools.product([(1, 1), (1, 4), (2, 3)], [(3, 3), (5, 5), (7, 2)]):
        add_convolution(batch, size=size, kernel=kernel, depth=4)
        add_convolution(batch, size=size, kernel=kernel, depth=4, stride=(2, 2))
    return batch


def stems() -> Batch:
    """3x3 over 3 channels."""
    batch = Batch(3)
    for width, stride, padding in itertools.product(
        range(1, 10), [(1, 1), (2, 2), (2, 1)], ("SAME", "VALID")
    ):
        if padding == "SAME" or width >= 3:
            size = (3 + width % 4, width)
            add_convolution(batch, size=size, stride=stride, padding=padding, channels=5)
    add_convolution(batch, dilation=(2, 1), size=(9, 8), channels=8)
    add_convolution(batch, dilation=(1, 2), size=(9, 8), channels=8)
    return batch


def numbers() -> Batch:
    """Saturation, every kind of multiplier, and the ends of the numbers."""
    batch = Batch(4)
    for pair, depth in itertools.product(itertools.product((-128, 0, 127), repeat=2), (3, 4)):
        add_convolution(batch, depth=depth, zeros=pair)
    for activation, gain in itertools.product(("RELU", "RELU6", "RELU_N1_TO_1"), (1.0, 3.0)):
        add_convolution(batch, activation=activation, gain=gain, channels=6, depth=4)
    # Multipliers from 2^-20 to above 2^8: some layers of one half and more for some channels.
    for exponent in range(-12, 20):
        add_convolution(batch, gain=2.0**exponent, depth=4, size=(3, 3), channels=7)
    for weights, zero, gain in itertools.product((-128, -127, 127), (-128, 127), (1.0, 0.05)):
        add_convolution(batch, weights=weights, zeros=(zero, 0), depth=16, gain=gain)
    return batch


def fused() -> Batch:
    """Bounds of each channel, explicit padding on any side, max-pooling behind."""
    batch = Batch(5)
    clamps = [(True, False), (False, True), (True, True)]
    for clamp, depth, channels in itertools.product(clamps, (3, 8), (1, 4, 6, 9)):
        add_chain(batch, depthwise=False, clamp=clamp, depth=depth, channels=channels)
    pads = [(1, 1, 1, 1), (0, 0, 2, 3), (3, 2, 0, 0), (4, 5, 6, 7)]
    for pad, kernel, padding in itertools.product(pads, [(1, 1), (3, 3)], ["SAME", "VALID"]):
        for stride in ((1, 1), (2, 3)):
            add_chain(
                batch,
                depthwise=False,
                depth=4,
                pads=pad,
                kernel=kernel,
                stride=stride,
                padding=padding,
            )
    pools = [
        ((2, 2), (2, 2), "SAME", "NONE"),
        ((2, 3), (2, 1), "SAME", "RELU"),
        ((1, 2), (3, 2), "VALID", "RELU6"),
    ]
    for pool, depth, kernel in itertools.product(pools, (3, 4), ((1, 1), (3, 3))):
        clamp = (depth == 4, False)
        add_chain(batch, depthwise=False, depth=depth, kernel=kernel, clamp=clamp, pool=pool)
    return batch


BATCHES = pytest.mark.parametrize("make", [pointwise, windows, stems, numbers, fused])
FORMS = pytest.mark.parametrize("form", conv_2d.FORMS)

PAIRS = ["narrow", "wide"]


@pytest.fixture
def form(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> str:
    """Only this form, and scratch for chunks of few pixels; or the kernel of pairs."""
    if request.param in PAIRS:
        choose, wide = conv_2d.choose_kernel, PAIRS.index(request.param)

        def choose_pair(op: Conv2D, graph: Graph, *others: Any) -> Kernel | None:
            pairs = list_pairs(op, graph)
            return pairs[wide] if pairs else choose(op, graph, *others)

        monkeypatch.setattr(conv_2d, "choose_kernel", choose_pair)
        return str(request.param)
    monkeypatch.setattr(conv_2d, "FORMS", (request.param,))
    monkeypatch.setitem(SCRATCH, "balanced", 1200)
    return str(request.param)


in_every_form = pytest.mark.parametrize("form", [*conv_2d.FORMS, *PAIRS], indirect=True)


@BATCHES
@in_every_form
def test_in_c(tmp_path: Path, make: Callable[[], Batch], form: str) -> None:
    check_batch(make(), tmp_path, fuse=True, board="stm32h743")


@pytest.mark.parametrize("make", [pointwise, numbers, fused])
@in_every_form
def test_in_assembly(tmp_path: Path, make: Callable[[], Batch], form: str) -> None:
    check_emulated(make(), tmp_path, "cortex-m7", vectors=3)


@pytest.mark.parametrize("form", ["paired", "direct", *PAIRS], indirect=True)
@pytest.mark.parametrize("make", [windows, stems])
def test_windows_in_assembly(tmp_path: Path, make: Callable[[], Batch], form: str) -> None:
    check_emulated(make(), tmp_path, "cortex-m7", vectors=3)


@pytest.mark.parametrize("make", [pointwise, numbers])
def test_in_assembly_of_the_other_core(tmp_path: Path, make: Callable[[], Batch]) -> None:
    check_emulated(make(), tmp_path, "cortex-m4", vectors=3)


def test_in_assembly_of_little_code(tmp_path: Path) -> None:
    """The one loop that --optimize flash has clamps even where there is nothing to clamp."""
    check_emulated(numbers(), tmp_path, "cortex-m4", vectors=3, optimize="flash")


def test_in_assembly_by_the_other_compiler(tmp_path: Path) -> None:
    if importlib.util.find_spec("ziglang") is None:
        pytest.skip("the package ziglang is not installed")
    check_emulated(fused(), tmp_path, "cortex-m7", vectors=3, toolchain="zig")


def one(**arguments: object) -> tuple[Graph, Conv2D]:
    batch = Batch(6)
    add_convolution(batch, **arguments)  # type: ignore[arg-type]
    graph = read_graph(batch.finish(1)[0], "batch")
    (op,) = graph.ops
    assert isinstance(op, Conv2D)
    return graph, op


POINTWISE: dict[str, object] = {"size": (28, 28), "kernel": (1, 1)}
MANY_TAPS: dict[str, object] = {"size": (8, 8), "depth": 64, "channels": 64}


@pytest.mark.parametrize(
    ("arguments", "board", "form"),
    [
        ({**POINTWISE, "depth": 32, "channels": 32}, "stm32h743", "paired"),
        ({**POINTWISE, "depth": 8, "channels": 16}, "stm32h743", "paired"),
        ({**POINTWISE, "depth": 128, "channels": 128}, "stm32h743", "single"),
        ({**POINTWISE, "depth": 128, "channels": 128}, "stm32l4r9", "paired"),
        (MANY_TAPS, "stm32h743", "direct"),
        (MANY_TAPS, "stm32l4r9", "direct"),
        ({"size": (9, 9), "depth": 8, "gain": 2.0**12}, "stm32h743", "paired"),
    ],
)
def test_choice(arguments: dict[str, object], board: str, form: str) -> None:
    graph, _ = one(**arguments)
    (kernel,) = choose_kernels(graph, load_board(board)).values()
    assert isinstance(kernel, GemmKernel)
    assert kernel.form == form
    assert kernel.scratch_bytes <= SCRATCH["balanced"]
    assert kernel.finish == ("sums" if "gain" in arguments else "plain")


@FORMS
def test_chunks_fill_the_scratch_that_is_allowed(form: conv_2d.Form) -> None:
    for depth, limit in itertools.product((4, 32, 100), (1500, 3000, 8192)):
        graph, op = one(size=(40, 40), depth=depth, channels=16, kernel=(1, 1))
        kernel = make_kernel(op, graph, form, "plain", limit)
        assert kernel.scratch_bytes <= limit
        assert kernel.pixels % (4 if form == "direct" else 2) == 0


def test_no_kernel_for_sums_that_do_not_fit() -> None:
    """Accumulators reach 2^30, and results vary."""
    graph, op = one(size=(3, 3), depth=4)
    same = {"multiplier": 1 << 30, "shift": -22, "bias": 257 << 22}  # 2^23 a step: at 128.5 steps
    columns = {name: np.full(len(op.bias), value, np.int32) for name, value in same.items()}
    changed = replace(graph, ops=(replace(op, output_zero_point=-100, **columns),))
    (kernel,) = choose_kernels(changed, load_board("stm32h743")).values()
    assert kernel.stem == "conv_2d_s8"


def test_instructions(tmp_path: Path) -> None:
    """Per MAC, all included."""
    batch = Batch(7)
    cases: list[tuple[dict[str, object], float]] = [
        ({"size": (24, 24), "depth": 32, "channels": 32, "kernel": (1, 1)}, 1.05),
        ({"size": (12, 12), "depth": 64, "channels": 64, "kernel": (1, 1)}, 0.89),
        ({"size": (7, 7), "depth": 256, "channels": 256, "kernel": (1, 1)}, 0.87),
        ({"size": (32, 32), "depth": 16, "channels": 16}, 0.95),
        ({"size": (16, 16), "depth": 32, "channels": 32}, 0.92),
        ({"size": (8, 8), "depth": 64, "channels": 64}, 0.98),
        ({"size": (48, 48), "depth": 3, "channels": 32, "stride": (2, 2)}, 1.2),
    ]
    for arguments, _ in cases:
        add_convolution(batch, zeros=(-128, -128), **arguments)  # type: ignore[arg-type]
    counts = check_emulated(batch, tmp_path, "cortex-m7", vectors=3)
    graph = read_graph(batch.finish(1)[0], "batch")
    kernels = choose_kernels(graph, load_board("stm32h743"))
    for op, count, (arguments, most) in zip(graph.ops, counts.values(), cases, strict=True):
        macs = op.macs(graph)
        assert count <= most * macs, f"{arguments}: {count / macs:.3f} per MAC"
        rows = graph.tensors[op.outputs[0]].rows[0]
        estimate = call_instructions(graph, op, kernels[graph.ops.index(op)], rows)
        assert estimate == pytest.approx(count, rel=0.05), arguments
