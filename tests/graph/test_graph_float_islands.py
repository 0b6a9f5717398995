"""Operators of float32 between integers, against the reference and where they are left alone."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
import pytest
from builders import Handle, ModelBuilder
from litert import run_litert

from tinydeploy.errors import UnsupportedModelError
from tinydeploy.graph.ops import Compare, Concatenation, Lookup, Move, Select
from tinydeploy.graph.read import read_graph

SHAPE = (1, 16, 16, 1)
VALUES = np.arange(-128, 128).astype(np.int8).reshape(SHAPE)
Build = Callable[["Island"], None]


class Island:
    """A model of one island; every method returns a float32 tensor."""

    def __init__(self) -> None:
        self.builder = ModelBuilder(1)
        self.x = self.builder.input(SHAPE[1:], 0.03, -20)
        self.outputs: list[Handle] = []

    def real(self, builtin: str, inputs: list[int], shape: tuple[int, ...], **options) -> int:
        output = self.builder.writer.add_tensor("real", shape, "float32")
        self.builder.writer.add_op(builtin, inputs, [output], options)
        return output

    def start(self) -> int:
        return self.real("DEQUANTIZE", [self.x.id], SHAPE)

    def number(self, value: float) -> int:
        return self.builder.constant(np.array(value, np.float32))

    def end(self, real: int, shape: tuple[int, ...] = SHAPE, scale: float = 0.05) -> None:
        for zero in (3, -3):  # what is infinite depends on its sign
            self.outputs.append(self.builder.activation(shape, scale, zero))
            self.builder.writer.add_op("QUANTIZE", [real], [self.outputs[-1].id], {})

    def finish(self) -> bytes:
        return self.builder.finish(self.outputs)


def negated(island: Island) -> None:
    island.end(island.real("NEG", [island.start()], SHAPE))


def softsign(island: Island) -> None:
    x = island.start()
    size = island.real("ADD", [island.real("ABS", [x], SHAPE), island.number(1)], SHAPE)
    island.end(island.real("DIV", [x, size], SHAPE), scale=1 / 128)


def of_positive(builtin: str, scale: float) -> Build:
    def build(island: Island) -> None:
        x = island.real("ABS", [island.start()], SHAPE)
        island.end(island.real(builtin, [x], SHAPE), scale=scale)

    return build


def undefined(island: Island) -> None:
    island.end(island.real("LOG", [island.start()], SHAPE))


def split(island: Island) -> None:
    axis = island.builder.constant(np.array(1, np.int32))
    parts = [island.builder.writer.add_tensor("part", (1, 8, 16, 1), "float32") for _ in range(2)]
    island.builder.writer.add_op("SPLIT", [axis, island.start()], parts, {"NumSplits": 2})
    for part, scale in zip(parts, (0.02, 0.1), strict=True):
        island.end(part, (1, 8, 16, 1), scale)


def joined(island: Island) -> None:
    x = island.start()
    parts = [x, island.real("SQUARE", [x], SHAPE), island.real("NEG", [x], SHAPE)]
    wide = (*SHAPE[:3], 3)
    both = island.real("CONCATENATION", parts, wide, Axis=3)
    island.end(island.real("MUL", [island.number(0.5), both], wide), wide)
    island.end(both, wide, 0.2)


def cast(island: Island) -> None:
    truths = island.builder.writer.add_tensor("truths", SHAPE, "bool")
    zero = island.builder.constant(np.array([4], np.int8), 0.05, 4)
    island.builder.writer.add_op("GREATER", [island.x.id, zero], [truths], {})
    real = island.real("CAST", [truths], SHAPE, InDataType="BOOL", OutDataType="FLOAT32")
    island.end(island.real("MUL", [real, island.number(-2.5)], SHAPE))


KINDS: dict[str, Build] = {
    "negated": negated,
    "softsign": softsign,
    "logarithm": of_positive("LOG", 0.05),
    "square root": of_positive("SQRT", 0.02),
    "inverse square root": of_positive("RSQRT", 0.05),
    "undefined": undefined,
    "cast": cast,
    "split": split,
    "joined": joined,
}


def outputs_of(model: bytes) -> list[np.ndarray]:
    """What the tables and movements make of VALUES."""
    graph = read_graph(model)
    tensors = {graph.inputs[0]: VALUES}
    for op in graph.ops:
        shape = graph.tensors[op.outputs[0]].shape
        if isinstance(op, Lookup):
            made = op.table[tensors[op.inputs[0]].astype(np.int32) + 128]
        elif isinstance(op, Compare):  # with zero
            made = tensors[op.inputs[0]] > -20
        elif isinstance(op, Select):
            made = np.where(tensors[op.inputs[0]], *op.constants[1:])
        elif isinstance(op, Concatenation):
            made = np.concatenate([tensors[t] for t in op.inputs], axis=3)
        else:
            assert isinstance(op, Move)  # the halves, in order
            begin = op.parts[0].row
            made = tensors[op.inputs[0]][:, begin : begin + 8]
        tensors[op.outputs[0]] = made.reshape(shape)
    return [tensors[t] for t in graph.outputs]


@pytest.mark.parametrize("kind", KINDS)
def test_every_value_equals_reference(kind: str) -> None:
    island = Island()
    KINDS[kind](island)
    model = island.finish()
    for found, expected in zip(outputs_of(model), run_litert(model, [VALUES]), strict=True):
        np.testing.assert_array_equal(found, expected)
        assert len(np.unique(expected)) > (20 if kind != "cast" else 1)


def test_of_two_tensors_is_refused() -> None:
    island = Island()
    y = island.builder.input(SHAPE[1:])
    other = island.real("DEQUANTIZE", [y.id], SHAPE)
    island.end(island.real("ADD", [island.start(), other], SHAPE))
    with pytest.raises(UnsupportedModelError, match="partly float32: 3 of 7 activations"):
        read_graph(island.finish())


@pytest.mark.parametrize("builtin", ["ELU", "SOFTMAX", "MAX_POOL_2D"])
def test_what_is_no_function_of_one_element_is_refused(builtin: str) -> None:
    island = Island()
    negative = island.real("NEG", [island.start()], SHAPE)
    pool = {"Padding": "SAME", "StrideH": 1, "StrideW": 1, "FilterHeight": 2, "FilterWidth": 2}
    options = {"SOFTMAX": {"Beta": 1.0}, "MAX_POOL_2D": pool}.get(builtin, {})
    island.end(island.real(builtin, [negative], SHAPE, **options))
    with pytest.raises(UnsupportedModelError, match=f"partly float32.* NEG; {builtin}"):
        read_graph(island.finish())


def test_a_spreading_constant_is_refused() -> None:
    island = Island()
    wide = (*SHAPE[:3], 3)
    number = island.builder.constant(np.ones(3, np.float32))
    island.end(island.real("MUL", [island.start(), number], wide), wide)
    with pytest.raises(UnsupportedModelError, match="partly float32"):
        read_graph(island.finish())


def test_what_would_grow_without_bound_is_refused() -> None:
    """A small file that names many parts many times."""
    island = Island()
    x, wide = island.start(), (*SHAPE[:3], 900)
    both = island.real("CONCATENATION", [x] * 900, wide, Axis=3)
    for _ in range(12):
        island.outputs.append(island.builder.activation(wide, 0.05, 3))
        island.builder.writer.add_op("QUANTIZE", [both], [island.outputs[-1].id], {})
    with pytest.raises(UnsupportedModelError, match="partly float32"):
        read_graph(island.finish())
    island = Island()
    real = island.start()
    for size in (2, 4):
        real = island.real("CONCATENATION", [real, real], (*SHAPE[:3], size), Axis=3)
    island.end(real, (*SHAPE[:3], 4))
    with pytest.raises(UnsupportedModelError, match="partly float32"):
        read_graph(island.finish())


def test_why_boxes_are_not_decoded_is_told() -> None:
    island = Island()
    boxes = island.real("NON_MAX_SUPPRESSION_V4", [island.start()], SHAPE)
    model = island.builder.writer.finish([island.x.id], [boxes])
    with pytest.raises(UnsupportedModelError, match="made by NON_MAX_SUPPRESSION_V4") as caught:
        read_graph(model)
    assert "export the model without it" in caught.value.hint
