"""Kernels under the sanitizers, and through the cross compiler without a warning."""

from __future__ import annotations

import shutil
import subprocess
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
from emulated import check_emulated
from expanded_cases import add_expanded
from kernel_batch import Batch, Q
from kernel_cases import (
    add_both,
    add_chain,
    add_convolution,
    add_elementwise,
    add_fully_connected,
    add_pool,
    add_transposed,
)
from kernel_library import WARNINGS, c_files, write_layers
from test_kernel_batch_matmul import add_matmul
from test_kernel_div import add_division
from test_kernel_lstm import add_case
from test_kernel_svdf import add_svdf
from test_kernel_truth import add_choice
from wide_cases import add_wide_convolution, add_wide_elementwise, add_wide_fully_connected, wide
from wide_window_cases import add_wide_matmul, add_wide_resized, add_wide_transposed

from tinydeploy.board import load_board
from tinydeploy.graph.graph import Graph
from tinydeploy.graph.ops import OPS, Conv2D, Move
from tinydeploy.graph.passes import fuse_graph
from tinydeploy.graph.passes.fuse_expansions import find_expansions, fuse_expansions
from tinydeploy.graph.read import read_graph
from tinydeploy.paths import FIRMWARE
from tinydeploy.plan.calls import call_rows
from tinydeploy.plan.kernel_choice.conv_2d_pair import list_pairs
from tinydeploy.plan.kernels import choose_kernels
from tinydeploy.project.toolchain import Kind
from tinydeploy.validate.reference import run_reference

KERNELS = sorted((FIRMWARE / "kernels").glob("*.c"))
CORES = sorted((FIRMWARE / "kernels" / "cores").glob("*.[cS]"))
OTHERS = sorted((FIRMWARE / "kernels" / "detection").glob("*.c"))  # no layer's
HEADERS = sorted((FIRMWARE / "include").glob("td_*.h"))


def every_kernel(board: str | None) -> Batch:
    """Cases that reach every kernel, at odd sizes and at the edges of the numbers.

    Portable kernels do not fuse expansions: only for a board they are there.
    """
    batch = Batch(7)
    if board is not None:
        for zeros, stride in (((-128, 127, -128), (2, 2)), ((127, -128, 0), (1, 1))):
            add_expanded(batch, zeros=zeros, stride=stride, gain=4.0)
    for zeros in ((-128, 127), (127, -128)):
        for kernel, stride in (((3, 3), (2, 2)), ((1, 1), (2, 1)), ((5, 4), (1, 3))):
            add_both(batch, kernel=kernel, stride=stride, zeros=zeros, depth=5, gain=300.0)
        add_both(batch, dilation=(2, 3), size=(9, 9), zeros=zeros, weights=-128, depth=17)
        add_convolution(batch, depth=3, multiplier=3, zeros=zeros, gain=1e5)
        for kernel in ((3, 3), (5, 4)):
            add_convolution(batch, kernel=kernel, depth=5, multiplier=1, zeros=zeros)
            add_convolution(batch, kernel=kernel, depth=2, multiplier=5, activation="RELU_N1_TO_1")
        add_fully_connected(batch, shape=(1, 3, 4, 5), depth=60, zeros=zeros, gain=1e6)
        add_fully_connected(batch, shape=(1, 3, 4, 5), depth=5, zeros=zeros, per_channel=True)
        add_fully_connected(batch, shape=(1, 61), units=13, zeros=zeros, gain=40.0)
        add_fully_connected(batch, shape=(1, 61), units=6, zeros=zeros, weights=-128)
        add_fully_connected(batch, shape=(1, 61), units=6, zeros=zeros, weights=-127)
    for depthwise in (False, True):
        pool = ((2, 3), (2, 2), "SAME", "RELU")
        add_chain(batch, depthwise=depthwise, clamp=(True, True), pads=(1, 2, 3, 0), pool=pool)
    for builtin in ("MAX_POOL_2D", "AVERAGE_POOL_2D"):
        add_pool(batch, builtin, kernel=(3, 3), stride=(2, 2), channels=5)
    add_pool(batch, "AVERAGE_POOL_2D", kernel=(7, 6), stride=(1, 2), padding="VALID")
    for builtin in ("ADD", "SUB", "MUL", "MAXIMUM", "MINIMUM"):
        add_elementwise(batch, builtin)
        qs = Q(0.0513, 3), Q(0.0721, -9), Q(0.0833, 1)
        add_elementwise(batch, builtin, shape=(1, 3, 3, 7), qs=qs, activation="RELU")
        add_elementwise(batch, builtin, shape=(1, 7, 9, 17))
        add_elementwise(batch, builtin, other=(1, 1, 1, 3))
        add_elementwise(batch, builtin, other=(3,), constant=True, first=1)
    q, probability = Q(0.1, -5), Q(1 / 256, -128)
    source = batch.input((1, 5, 3, 7), q)
    output = batch.output("mean", (1, 7), q)
    batch.op("MEAN", [source, batch.numbers([1, 2])], output, {"KeepDims": False})
    source = batch.input((1, 3, 3, 5), q)
    pads = batch.numbers([(0, 0), (1, 2), (2, 1), (1, 1)])
    batch.op("PAD", [source, pads], batch.output("pad", (1, 6, 6, 7), q), {})
    source = batch.input((1, 2, 2, 11), q)
    batch.op(
        "SOFTMAX", [source], batch.output("softmax", (1, 2, 2, 11), probability), {"Beta": 1.0}
    )
    source = batch.input((1, 2, 2, 11), q)
    batch.op("LOGISTIC", [source], batch.output("logistic", (1, 2, 2, 11), probability), {})
    for builtin in ("PRELU", "SQUARED_DIFFERENCE"):
        add_elementwise(batch, builtin)
        add_elementwise(batch, builtin, other=(1, 5, 1, 3))
    add_convolution(batch, depth=6, channels=10, groups=2, padding="VALID", gain=1e5)
    add_transposed(batch, channels=5, gain=1e5)
    for order in ((0, 2, 1, 3), (0, 3, 1, 2)):
        source = batch.input((1, 3, 4, 5), q)
        output = batch.output(f"{order}", [(1, 3, 4, 5)[d] for d in order], q)
        batch.op("TRANSPOSE", [source, batch.numbers(order)], output, {})
    for builtin, axes in (("MEAN", [3]), ("REDUCE_MAX", [1]), ("REDUCE_MIN", [2])):
        source = batch.input((1, 3, 3, 3), q)
        output = batch.output(builtin, (1, 3, 3), q)
        batch.op(builtin, [source, batch.numbers(axes)], output, {})
    source = batch.input((1, 3, 4, 5), q)
    output = batch.output("resize", (1, 7, 5, 5), q)
    options = {"HalfPixelCenters": True}
    batch.op("RESIZE_BILINEAR", [source, batch.numbers((7, 5))], output, options)
    source = batch.input((1, 3, 11), q)
    batch.op("L2_NORMALIZATION", [source], batch.output("unit", (1, 3, 11), Q(1 / 128)), {})
    source = batch.input((1, 3, 11), q)
    batch.op("LOG_SOFTMAX", [source], batch.output("logarithms", (1, 3, 11), Q(1 / 16, 127)), {})
    source = batch.input((1, 3, 3, 5), q)
    indices = batch.output("indices", (1, 3, 5), Q(dtype="int64"))
    batch.op("ARG_MAX", [source, batch.numbers([1])], indices, {"OutputType": "INT64"})
    add_every_wide_kernel(batch)
    add_matmul(batch, constant=True)
    add_division(batch, constant=True)
    add_choice(batch)
    add_svdf(batch, rank=2, gain=5)
    add_case(batch)
    values = batch.rng.integers(-128, 128, (1, 3, 2, 5)).astype(np.int8)
    batch.op("READ_VARIABLE", [batch.variable(values)], batch.output("variable", values.shape, Q()))
    for axis in (1, 2, 3):
        inputs = [batch.input((1, 3, 3, 3), q) for _ in range(3)]
        shape = [1, 3, 3, 3]
        shape[axis] = 9
        batch.op("CONCATENATION", inputs, batch.output("join", shape, q), {"Axis": axis})
    return batch


def add_every_wide_kernel(batch: Batch) -> None:
    """Cases of int16."""
    for multiplier in (0, 1, 2):
        add_wide_convolution(batch, depth=5, multiplier=multiplier, gain=3000.0)
        add_wide_convolution(batch, depth=8, multiplier=multiplier, size=(3, 9), dilation=(2, 2))
    add_wide_fully_connected(batch, shape=(1, 3, 4, 5), units=3, gain=30.0)
    add_wide_fully_connected(batch, shape=(1, 3, 4, 5), depth=10, per_channel=True)
    add_wide_elementwise(batch, "SUB", PotScaleInt16=False)
    add_wide_elementwise(batch, "MUL", other=(1, 1, 1, 3))
    q, one = wide(0.001), wide(1 / 32768)
    source = batch.input((1, 3, 4, 5), q)
    batch.op("ABS", [source], batch.output("wide ABS", (1, 3, 4, 5), q), {})
    for builtin in ("MAXIMUM", "MINIMUM"):
        add_wide_elementwise(batch, builtin, other=(1, 5, 1, 1), qs=(q, q, q))
    shape = (1, 3, 4, 5)
    pool = {"FilterHeight": 3, "FilterWidth": 2, "StrideH": 2, "StrideW": 1, "Padding": "SAME"}
    source = batch.input(shape, q)
    batch.op("AVERAGE_POOL_2D", [source], batch.output("wide pool", (1, 2, 4, 5), q), pool)
    source = batch.input(shape, q)
    batch.op("MEAN", [source, batch.numbers([1])], batch.output("wide mean", (1, 4, 5), q))
    source = batch.input(shape, q)
    batch.op("QUANTIZE", [source], batch.output("narrow", shape, Q(0.1, 3)))
    for builtin, options in (("TANH", {}), ("LOGISTIC", {}), ("SOFTMAX", {"Beta": 1.0})):
        source = batch.input(shape, q)
        batch.op(builtin, [source], batch.output(f"wide {builtin}", shape, one), options)
    add_wide_transposed(batch)
    add_wide_resized(batch, half=True)
    add_wide_matmul(batch, constant=True)


def single_windows(board: str | None) -> Batch:
    """What runs by a kernel of its own where a graph has no other convolutions."""
    del board
    batch = Batch(3)
    add_convolution(batch, size=(1, 4), kernel=(1, 4), depth=5, channels=67, padding="VALID")
    add_convolution(batch, size=(2, 1), kernel=(2, 1), depth=256, padding="VALID", weights=127)
    return batch


def fuse_all(model: bytes) -> Graph:
    graph = fuse_graph(read_graph(model, "batch"))
    return fuse_expansions(graph, find_expansions(graph).values())


def test_every_kernel_is_reached() -> None:
    reached = set()
    for name in (None, "stm32h743"):
        graph = fuse_all(every_kernel(name).finish(1)[0])
        board = load_board(name) if name else None
        kernels = choose_kernels(graph, board)
        reached |= set(write_layers(graph, kernels)[1])
    # The planner alone chooses these, where they are worth their scratch.
    pairs = {
        position: pair
        for position, op in enumerate(graph.ops)
        if isinstance(op, Conv2D)
        for pair in list_pairs(op, graph)
    }
    reached |= set(write_layers(graph, {**kernels, **pairs})[1])
    graph = fuse_all(single_windows("stm32h743").finish(1)[0])
    reached |= set(write_layers(graph, choose_kernels(graph, load_board("stm32h743")))[1])
    stems = {path.stem for path in KERNELS} | {f"cores/{path.stem}" for path in CORES}
    assert reached == stems


@pytest.mark.parametrize(
    ("make", "board"),
    [(every_kernel, None), (every_kernel, "stm32h743"), (single_windows, "stm32h743")],
)
def test_sanitizers_find_nothing(
    tmp_path: Path, make: Callable[[str | None], Batch], board: str | None
) -> None:
    model, inputs = make(board).finish(3)
    expected = run_reference(model, inputs).outputs
    graph = fuse_all(model)
    kernels = choose_kernels(graph, load_board(board) if board else None)
    text, needed = write_layers(graph, kernels)
    given = dict(zip(graph.inputs, inputs, strict=True))
    wanted = dict(zip(graph.outputs, expected, strict=True))
    given |= wanted

    cases, data = [], []
    for vector in range(3):
        for position, op in enumerate(graph.ops):
            tensors = ", ".join(f"&tensor{t}" for t in op.inputs)
            kernel = kernels[position]
            sizes = f"{kernel.scratch_bytes}, {call_rows(graph, op, kernel)}"
            cases.append(f"{{layer{position}, {sizes}, &tensor{op.outputs[0]}, {{{tensors}}}}}")
            data += [given[t][vector].tobytes() for t in op.inputs]
            data.append(wanted[op.outputs[0]][vector].tobytes())
    for tensor in graph.stored:
        shape = ", ".join(map(str, graph.tensors[tensor].rows))
        row_bytes = graph.tensors[tensor].row_bytes
        text = text.replace(
            f" td_tensor tensor{tensor};\n",
            f" td_tensor tensor{tensor} = {{NULL, NULL, {row_bytes}, {shape}}};\n",
        )
    main = (Path(__file__).parent / "sanitized_main.c").read_text()
    joined = ", \\\n    ".join(cases)
    (tmp_path / "main.c").write_text(f"{text}\n#define CASES {{ \\\n    {joined} }}\n{main}")
    command = ["gcc", *WARNINGS, "-std=c11", "-O1", "-g", "-fsanitize=address,undefined"]
    command += ["-fno-sanitize-recover=all", f"-I{FIRMWARE / 'include'}", "-o"]
    command += [str(tmp_path / "main"), str(tmp_path / "main.c"), *c_files(needed)]
    subprocess.run(command, check=True)
    done = subprocess.run(
        [str(tmp_path / "main")], input=b"".join(data), capture_output=True, check=False
    )
    assert done.returncode == 0, done.stderr.decode()[-3000:]
    assert done.stdout.decode() == f"{len(cases)} layers\n"


@pytest.mark.parametrize("kind", ["gcc", "zig"])
def test_compilers_agree(tmp_path: Path, kind: Kind) -> None:
    """Both take the assembly, and what they make gives the reference's bytes."""
    if kind == "zig":
        pytest.importorskip("ziglang")
    elif shutil.which("arm-none-eabi-gcc") is None:
        pytest.skip("arm-none-eabi-gcc is not on the PATH")
    check_emulated(every_kernel("stm32l4r9"), tmp_path, "cortex-m4", toolchain=kind)


@pytest.mark.parametrize("core", ["cortex-m4", "cortex-m7"])
def test_cross_compiler_warns_of_nothing(tmp_path: Path, core: str) -> None:
    compiler = shutil.which("arm-none-eabi-gcc")
    if compiler is None:
        pytest.skip("arm-none-eabi-gcc is not on the PATH")
    flags = [*WARNINGS, "-Wshadow", "-Wcast-align", "-O2", f"-mcpu={core}", "-mthumb", "-c"]
    for kernel in KERNELS + CORES + OTHERS:
        output = str(tmp_path / f"{kernel.stem}.o")
        command = [compiler, *flags, f"-I{FIRMWARE / 'include'}", "-o", output, str(kernel)]
        subprocess.run(command, check=True)
        used = subprocess.run(
            ["arm-none-eabi-nm", "--undefined-only", "--format=posix", output],
            check=True,
            capture_output=True,
            text=True,
        ).stdout.split()[::2]
        # Nothing of libc but memory functions, no 64-bit division, no floating point.
        foreign = {name for name in used if not name.startswith("td_")}
        assert foreign <= {"memcpy", "memmove", "memset"}, f"{kernel.name} needs {foreign}"


@pytest.mark.parametrize("header", HEADERS, ids=lambda path: path.name)
def test_headers_are_cpp_safe(header: Path) -> None:
    command = ["g++", "-xc++", "-std=c++11", "-Wall", "-Wextra", "-Wconversion", "-Werror"]
    command += ["-fsyntax-only", "-include", str(header), "/dev/null"]
    if shutil.which("g++") is None:
        pytest.skip("g++ is not on the PATH")
    subprocess.run(command, check=True)


def test_stems_agree() -> None:
    stems = {path.stem for path in (FIRMWARE.parent / "tinydeploy/codegen/ops").glob("[a-z]*.py")}
    ops = {path.stem for path in (FIRMWARE.parent / "tinydeploy/graph/ops").glob("[a-z]*.py")}
    kernels = {path.stem for path in KERNELS}
    named = {
        stem.removesuffix("_wide"): "s16" if stem.endswith("_wide") else "s8" for stem in stems
    }
    others = {"extremum", "logical", "requantize", "sum"}  # have kernels of other names
    assert {f"{stem}_s8" for stem in stems if f"{stem}_wide" in stems} <= kernels
    assert {f"{stem}_{kind}" for stem, kind in named.items() if stem not in others} <= kernels
    assert all(any(f"{kernel}_".startswith(f"{stem}_") for stem in named) for kernel in kernels)
    moves = {op.__module__.rpartition(".")[2] for op in OPS.values() if issubclass(op, Move)}
    assert ops - stems == {"reshape", *moves}  # one costs nothing, the others have one kernel
