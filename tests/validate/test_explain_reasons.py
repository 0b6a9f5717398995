"""What is said of LiteRT's default kernels, operator by operator: computed in numpy, and equal."""

from __future__ import annotations

from collections.abc import Callable, Mapping

import numpy as np
import pytest
from builders import Handle, ModelBuilder
from numpy.typing import NDArray

from tinydeploy.graph.graph import Graph
from tinydeploy.graph.read import read_graph
from tinydeploy.validate.explain import REASONS
from tinydeploy.validate.reference import run_reference
from tinydeploy.validate.vectors import make_vectors

Ints = NDArray[np.int64]
Compute = Callable[[Graph, list[Ints]], NDArray[np.float64]]
"""The output before its zero point is added, from inputs [n, *shape] without theirs."""

VECTORS = 12


def scale_of(graph: Graph, tensor: int) -> np.float32:
    return np.float32(graph.tensors[tensor].affine[0])


def scale_once(graph: Graph, sums: Ints, scale: NDArray[np.float32]) -> NDArray[np.float64]:
    """Of sums in units of `scale`: a product in float32, halves to even."""
    ratio = np.float32(scale / scale_of(graph, graph.outputs[0]))
    return np.rint(np.float32(sums) * ratio).astype(np.float64)


def weigh(graph: Graph, sums: Callable[[Ints], Ints]) -> NDArray[np.float64]:
    """A layer with weights: what `sums` makes of them, plus the bias."""
    constants = [t for t in graph.tensors if t.data is not None and t.quantization]
    (weights,) = (t for t in constants if t.dtype == "int8")
    (bias,) = (t for t in constants if t.dtype == "int32")
    assert weights.data is not None
    assert bias.data is not None
    assert weights.quantization
    scales = scale_of(graph, graph.inputs[0]) * np.float32(weights.quantization.scales)
    found = sums(weights.data.astype(np.int64)) + bias.data.astype(np.int64)
    return scale_once(graph, found, scales)


def convolve(graph: Graph, inputs: list[Ints]) -> NDArray[np.float64]:
    return weigh(graph, lambda w: inputs[0] @ w[:, 0, 0].T)


def convolve_channels(graph: Graph, inputs: list[Ints]) -> NDArray[np.float64]:
    x = inputs[0]
    rows, columns = x.shape[2] - 2, x.shape[3] - 2

    def sums(w: Ints) -> Ints:
        places = ((i, j) for i in range(3) for j in range(3))
        return sum(x[:, :, i : i + rows, j : j + columns] * w[0, i, j] for i, j in places)

    return weigh(graph, sums)


def convolve_transposed(graph: Graph, inputs: list[Ints]) -> NDArray[np.float64]:
    """A window of 2x2 and a stride of 2: each pixel makes four."""
    (x,) = inputs

    def sums(w: Ints) -> Ints:
        made = np.einsum("nbhwc,oijc->nbhiwjo", x, w)
        return made.reshape(*x.shape[:2], 2 * x.shape[2], 2 * x.shape[3], w.shape[0])

    return weigh(graph, sums)


def connect(graph: Graph, inputs: list[Ints]) -> NDArray[np.float64]:
    return weigh(graph, lambda w: inputs[0] @ w.T)


def multiply(graph: Graph, inputs: list[Ints]) -> NDArray[np.float64]:
    a, b = (scale_of(graph, tensor) for tensor in graph.inputs)
    return scale_once(graph, inputs[0] * inputs[1], a * b)


def take_mean(*axes: int) -> Compute:
    def compute(graph: Graph, inputs: list[Ints]) -> NDArray[np.float64]:
        there = tuple(axis + 1 for axis in axes)
        count = np.prod([inputs[0].shape[axis] for axis in there])
        sums = inputs[0].sum(there, keepdims=True)
        return scale_once(graph, sums, scale_of(graph, graph.inputs[0]) / np.float32(count))

    return compute


def add(sign: int) -> Compute:
    """In one integer: 21 bits of the larger ratio of scales, the other as finely; halves up."""

    def compute(graph: Graph, inputs: list[Ints]) -> NDArray[np.float64]:
        ratios = [scale_of(graph, t) / scale_of(graph, graph.outputs[0]) for t in graph.inputs]
        shift = 20 - int(np.floor(np.log2(max(ratios))))
        first, second = (int(np.rint(np.ldexp(float(ratio), shift))) for ratio in ratios)
        sums = inputs[0] * first + sign * inputs[1] * second
        return ((sums + (1 << (shift - 1))) >> shift).astype(np.float64)

    return compute


def softmax(graph: Graph, inputs: list[Ints]) -> NDArray[np.float64]:
    (x,) = inputs
    distances = np.float32(x.max(-1, keepdims=True) - x)
    powers = np.exp(-distances * scale_of(graph, graph.inputs[0]), dtype=np.float32)
    quotients = powers / powers.sum(-1, keepdims=True, dtype=np.float32)
    return np.rint(quotients * np.float32(256)).astype(np.float64)


def two_inputs(builtin: str, scale: float) -> bytes:
    b = ModelBuilder(5)
    a, other = b.input((24, 24, 16), 0.5, -3), b.input((24, 24, 16), 0.003, 7)
    y = b.activation((1, 24, 24, 16), scale, 4)
    b.writer.add_op(builtin, [a.id, other.id], [y.id], {"FusedActivationFunction": "NONE"})
    return b.finish([y])


def one_input(shape: tuple[int, ...], layer: Callable[[ModelBuilder, Handle], Handle]) -> bytes:
    b = ModelBuilder(9)
    return b.finish([layer(b, b.input(shape))])


def weighted(b: ModelBuilder, x: Handle, weights: tuple[int, ...], scale: float) -> list[int]:
    """The input, random weights [outputs, ...] of one scale, and a bias."""
    scales = np.full(weights[0], scale, np.float32)
    data = b.rng.integers(-127, 128, weights).astype(np.int8)
    bias = b.rng.integers(-999, 999, weights[0]).astype(np.int32)
    add = b.writer.add_tensor
    return [
        x.id,
        add("w", weights, "int8", scales=scales, data=data),
        add("b", bias.shape, "int32", scales=scales * np.float32(x.scale), data=bias),
    ]


def transposed(b: ModelBuilder, x: Handle) -> Handle:
    _, height, width, depth = x.shape
    y = b.activation((1, 2 * height, 2 * width, 6), 0.9, 4)
    source, weights, bias = weighted(b, x, (6, 2, 2, depth), 0.01)
    inputs = [b.constant(np.array(y.shape, np.int32)), weights, source, bias]
    options = {"Padding": "VALID", "StrideH": 2, "StrideW": 2}
    b.writer.add_op("TRANSPOSE_CONV", inputs, [y.id], options)
    return y


def connected(b: ModelBuilder, x: Handle) -> Handle:
    """Scales that leave many halves: of others both kernels round nearly always alike."""
    y = b.activation((1, 900), 320 * x.scale, 4)
    b.writer.add_op("FULLY_CONNECTED", weighted(b, x, (900, x.shape[1]), 0.5), [y.id], {})
    return y


CASES: Mapping[str, tuple[bytes, Compute]] = {
    "CONV_2D": (one_input((16, 16, 8), lambda b, x: b.conv(x, 16, (1, 1))), convolve),
    "DEPTHWISE_CONV_2D": (
        one_input((16, 16, 8), lambda b, x: b.depthwise(x, padding="VALID")),
        convolve_channels,
    ),
    "TRANSPOSE_CONV": (one_input((9, 9, 16), transposed), convolve_transposed),
    "FULLY_CONNECTED": (one_input((12,), connected), connect),
    "MUL": (two_inputs("MUL", 0.013), multiply),
    "ADD": (two_inputs("ADD", 0.4), add(1)),
    "SUB": (two_inputs("SUB", 0.4), add(-1)),
    "MEAN": (
        one_input((13, 11, 64), lambda b, x: b.mean(x, (1, 2), scale=0.0193, zero_point=4)),
        take_mean(1, 2),
    ),
    "MEAN of rows": (
        one_input((13, 11, 16), lambda b, x: b.mean(x, (1,), zero_point=4)),
        take_mean(1),
    ),
    "MEAN of channels": (
        one_input((13, 11, 16), lambda b, x: b.mean(x, (3,), zero_point=4)),
        take_mean(3),
    ),
    "SOFTMAX": (one_input((200, 20), lambda b, x: b.softmax(x)), softmax),
}


@pytest.mark.parametrize("name", CASES)
def test_what_is_said_of_default_kernels(name: str) -> None:
    model, compute = CASES[name]
    graph = read_graph(model)
    inputs = make_vectors(graph, VECTORS)
    shifted = [
        values.astype(np.int64) - graph.tensors[tensor].affine[1]
        for values, tensor in zip(inputs, graph.inputs, strict=True)
    ]
    default = run_reference(model, inputs, resolver="AUTO").outputs[0]
    reference = run_reference(model, inputs).outputs[0]
    zero = graph.tensors[graph.outputs[0]].affine[1]
    expected = np.clip(compute(graph, shifted).reshape(default.shape) + zero, -128, 127)
    assert (default != reference).any()
    np.testing.assert_array_equal(default, expected)


def test_every_reason_is_of_a_tested_operator() -> None:
    assert {name.split()[0] for name in CASES} == set(REASONS)


@pytest.mark.parametrize("builtin", ["AVERAGE_POOL_2D", "MAX_POOL_2D"])
@pytest.mark.parametrize("padding", ["SAME", "VALID"])
def test_pools_differ_nowhere(builtin: str, padding: str) -> None:
    model = one_input((13, 13, 16), lambda b, x: b.pool(builtin, x, (2, 3), padding=padding))
    inputs = make_vectors(read_graph(model), VECTORS)
    default = run_reference(model, inputs, resolver="AUTO").outputs[0]
    np.testing.assert_array_equal(default, run_reference(model, inputs).outputs[0])
