"""PAD, CONCATENATION, look-up tables and SOFTMAX against the reference."""

from __future__ import annotations

import itertools
from pathlib import Path

import numpy as np
from differential import check_batch
from kernel_batch import Batch, Q
from kernel_library import compile_layers

from tinydeploy.graph.read import read_graph


def test_pad(tmp_path: Path) -> None:
    batch = Batch(1)
    amounts = [
        ((1, 2), (3, 4), (0, 0)),
        ((0, 0), (0, 0), (2, 1)),
        ((2, 0), (0, 1), (1, 3)),
        ((0, 0), (0, 0), (0, 0)),
        ((0, 3), (1, 0), (0, 0)),
    ]
    for pads, zero, channels in itertools.product(amounts, (-128, 17, 127), (1, 3)):
        shape = (1, 3, 4, channels)
        out_shape = (1, *(n + a + b for n, (a, b) in zip(shape[1:], pads, strict=True)))
        numbers = batch.numbers([(0, 0), *pads])
        q = Q(0.1, zero)
        source = batch.input(shape, q)
        batch.op("PAD", [source, numbers], batch.output(f"pad {pads} {zero}", out_shape, q), {})
        source = batch.input(shape, q)
        value = batch.constant(np.array(-7, np.int8), q)
        output = batch.output(f"pad with value {pads} {zero}", out_shape, q)
        batch.op("PADV2", [source, numbers, value], output, {})
    check_batch(batch, tmp_path)


def test_concatenation(tmp_path: Path) -> None:
    batch = Batch(2)
    q = Q(0.1, 5)
    for axis, count, channels in itertools.product((1, 2, 3, -1), (1, 2, 3, 5), (1, 2, 7)):
        shapes = []
        for _ in range(count):
            shape = [1, 3, 2, channels]
            shape[axis] = int(batch.rng.integers(1, 6))
            shapes.append(shape)
        total = list(shapes[0])
        total[axis] = sum(shape[axis] for shape in shapes)
        inputs = [batch.input(shape, q) for shape in shapes]
        output = batch.output(f"concatenation {shapes} axis {axis}", total, q)
        batch.op("CONCATENATION", inputs, output, {"Axis": axis})
    inputs = [batch.input((1, 2, 3, n), q) for n in (70, 9, 64)]
    batch.op("CONCATENATION", inputs, batch.output("long", (1, 2, 3, 143), q), {"Axis": 3})
    inputs = [batch.input((1, n), q) for n in (3, 1, 8)]
    batch.op("CONCATENATION", inputs, batch.output("vectors", (1, 12), q), {"Axis": 1})
    check_batch(batch, tmp_path)


def test_lookup(tmp_path: Path) -> None:
    batch = Batch(3)
    rng = np.random.default_rng(4)
    every = np.arange(-128, 128).astype(np.int8).reshape(1, 1, 8, 4, 8)
    fixed = {"LOGISTIC": Q(1 / 256, -128), "TANH": Q(1 / 128, 0)}
    functions = ["LOGISTIC", "TANH", "HARD_SWISH", "RELU", "RELU6", "RELU_N1_TO_1", "QUANTIZE"]
    for function, number in itertools.product([*functions, "LEAKY_RELU"], range(12)):
        scale = float(rng.choice([0.003, 0.02, 0.05, 0.11, 0.3]))
        zero = int(rng.choice([-128, 127, *rng.integers(-128, 128, 4)]))
        out = Q(scale * float(rng.uniform(0.4, 2.5)), int(rng.integers(-128, 128)))
        if function == "HARD_SWISH":
            out = Q(scale * float(rng.uniform(1.0, 2.5)), out.zero)
        source = batch.input((1, 8, 4, 8), Q(scale, zero), every)
        name = f"{function} {number} {scale} {zero} {out}"
        output = batch.output(name, (1, 8, 4, 8), fixed.get(function, out))
        batch.op(function, [source], output, {"Alpha": 0.13} if function == "LEAKY_RELU" else {})
    check_batch(batch, tmp_path, vectors=1, in_place=True)


def test_softmax(tmp_path: Path) -> None:
    batch = Batch(5)
    rng = np.random.default_rng(6)
    vectors = 60
    for depth, scale in itertools.product(
        (1, 2, 3, 10, 12, 100, 511), (1e-4, 0.01, 0.07, 0.2, 0.5, 1.0, 3.0)
    ):
        beta = float(rng.choice([1.0, 0.5, 2.0]))
        rows = 1 if depth > 50 else 3
        shape = (1, rows, 2, depth) if rng.integers(2) else (1, 2 * rows * depth)
        if len(shape) == 2:
            shape = (1, depth)
        values = rng.normal(rng.uniform(-60, 60), rng.uniform(1, 60), (vectors, *shape))
        values = np.clip(np.round(values), -128, 127).astype(np.int8)
        source = batch.input(shape, Q(scale, int(rng.integers(-128, 128))), values)
        output = batch.output(f"softmax {shape} {scale} {beta}", shape, Q(1 / 256, -128))
        batch.op("SOFTMAX", [source], output, {"Beta": beta})
    assert check_batch(batch, tmp_path, vectors=vectors, in_place=True) > 300_000


def test_softmax_where_the_reference_gives_up(tmp_path: Path) -> None:
    """The reference aborts on sums of 512 and more; what its arithmetic leaves there is nothing."""
    batch = Batch(7)
    source = batch.input((1, 600), Q(0.1, 0))
    batch.op("SOFTMAX", [source], batch.output("", (1, 600), Q(1 / 256, -128)), {"Beta": 1.0})
    model, _ = batch.finish(1)
    library = compile_layers(read_graph(model, "batch"), tmp_path)
    rng = np.random.default_rng(8)
    same = np.full((1, 600), 5, np.int8)
    assert (library.run(0, [same], rng) == -128).all()
    same[0, :89] = -120
    assert (library.run(0, [same], rng)[0, 89:] == -127).all()  # a sum just above 511
