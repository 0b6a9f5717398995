"""Padding and bounds of int16 folded into the layers round them, against the reference."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from differential import check_batch
from kernel_batch import Batch, Q
from wide_cases import wide

from tinydeploy.graph.passes import fuse_graph
from tinydeploy.graph.read import read_graph

_WINDOW = {"Padding": "SAME", "StrideH": 2, "StrideW": 1, "DilationHFactor": 1}
_WINDOW |= {"DilationWFactor": 1}
_CHANNELS = 4


def add_padded(batch: Batch, builtin: str, pads: tuple[int, int, int, int]) -> int:
    """A PAD and a convolution of int16; its output is nobody's yet."""
    rng, q = batch.rng, wide(0.0004)
    top, left, bottom, right = pads
    x = batch.input((1, 6, 5, _CHANNELS), q)
    padded = batch.tensor((1, 6 + top + bottom, 5 + left + right, _CHANNELS), q)
    batch.op("PAD", [x, batch.numbers([[0, 0], [top, bottom], [left, right], [0, 0]])], padded)
    deep = builtin == "DEPTHWISE_CONV_2D"
    shape = (1, 3, 3, _CHANNELS) if deep else (_CHANNELS, 3, 3, _CHANNELS)
    values = rng.integers(-127, 128, shape).astype(np.int8)
    height, width = -(-(6 + top + bottom) // 2), 5 + left + right
    y = batch.tensor((1, height, width, _CHANNELS), wide(0.01))
    bias = rng.integers(-(10**6), 10**6, _CHANNELS).astype(np.int64)
    options = {**_WINDOW, "FusedActivationFunction": "NONE"}
    options |= {"DepthMultiplier": 1} if deep else {}
    batch.weighted(builtin, padded, values, 3 if deep else 0, [0.02], bias, y, options, q.scale)
    return y


def bound(batch: Batch, builtin: str, source: int, shape: tuple[int, ...], q: Q) -> None:
    """A clamp to the case's output."""
    output = batch.output(f"{builtin} {shape}", shape, q)
    inputs = [source]
    if builtin in ("MAXIMUM", "MINIMUM"):
        inputs.append(batch.constant(np.array([-700 if q.dtype == "int16" else -9], q.dtype), q))
    batch.op(builtin, inputs, output)


def layers() -> Batch:
    batch = Batch(3)
    pads = ((1, 0, 1, 2), (0, 3, 0, 0), (2, 2, 2, 2))
    for builtin in ("CONV_2D", "DEPTHWISE_CONV_2D"):
        for (top, left, bottom, right), end in zip(pads, ("MAXIMUM", "RELU", "RELU6"), strict=True):
            y = add_padded(batch, builtin, (top, left, bottom, right))
            shape = (1, -(-(6 + top + bottom) // 2), 5 + left + right, _CHANNELS)
            bound(batch, end, y, shape, wide(0.01))
    shape, q = (1, 3, 4, 5), wide(0.001)
    for builtin in ("ADD", "SUB", "MUL"):
        y = batch.tensor(shape, wide(0.002))
        options = {} if builtin == "MUL" else {"PotScaleInt16": False}
        batch.op(builtin, [batch.input(shape, q), batch.input(shape, q)], y, options)
        bound(batch, "MINIMUM", y, shape, wide(0.002))
    for source, narrow in ((q, Q(0.1, 3)), (Q(0.1, 3), wide(0.0003))):
        y = batch.tensor(shape, narrow)
        batch.op("QUANTIZE", [batch.input(shape, source)], y)
        bound(batch, "MAXIMUM", y, shape, narrow)
    return batch


def test_they_run_in_one_layer(tmp_path: Path) -> None:
    check_batch(layers(), tmp_path, fuse=True)


@pytest.mark.parametrize(
    ("value", "channels", "expected"),
    [(0, (0, 0), "CONV_2D"), (5, (0, 0), "PADV2 CONV_2D"), (0, (1, 0), "PADV2 CONV_2D")],
)
def test_only_zeros_round_an_image_are_folded(
    value: int, channels: tuple[int, int], expected: str
) -> None:
    batch, q = Batch(1), wide(0.001)
    x, depth = batch.input((1, 4, 4, 2), q), 2 + sum(channels)
    padded = batch.tensor((1, 6, 6, depth), q)
    amounts = batch.numbers([[0, 0], [1, 1], [1, 1], channels])
    batch.op("PADV2", [x, amounts, batch.constant(np.array([value], np.int16), q)], padded)
    values = batch.rng.integers(-127, 128, (3, 3, 3, depth)).astype(np.int8)
    options = {**_WINDOW, "Padding": "VALID", "StrideH": 1}
    y = batch.output("y", (1, 4, 4, 3), wide(0.01))
    batch.weighted("CONV_2D", padded, values, 0, [0.02], None, y, options, q.scale)
    graph = fuse_graph(read_graph(batch.finish(1)[0]))
    assert " ".join(op.kind for op in graph.ops) == expected


def test_another_type_is_no_bound() -> None:
    batch, shape, q = Batch(1), (1, 3, 4, 5), wide(0.001)
    y = batch.tensor(shape, q)
    batch.op("ADD", [batch.input(shape, q), batch.input(shape, q)], y, {"PotScaleInt16": False})
    batch.op("QUANTIZE", [y], batch.output("narrow", shape, Q(0.001, 0)))
    graph = fuse_graph(read_graph(batch.finish(1)[0]))
    assert [op.kind for op in graph.ops] == ["ADD", "QUANTIZE"]
