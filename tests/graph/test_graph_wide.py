"""Operators of int16 activations: read and verified, each rule of their own broken once."""

from __future__ import annotations

import dataclasses

import numpy as np
import pytest
from sound_operators import Tensor, bias, model, weights, wide_model

from tinydeploy.errors import InternalError, UnsupportedModelError
from tinydeploy.graph.fixed_point import multiply_reduced, reduce_multipliers
from tinydeploy.graph.op_table import list_constraints
from tinydeploy.graph.ops import OPS, WIDE_OPS, Move, Reshape
from tinydeploy.graph.passes import fuse_graph
from tinydeploy.graph.read import read_graph
from tinydeploy.graph.verify import verify_graph


def wide(shape=(1, 8, 8, 4), scale=0.5, **options):
    return Tensor(shape, "int16", scale, **options)


def long(value, count=6):
    tensor = Tensor((count,), "int64", 0.25)
    tensor.data = np.full(count, value, np.int64)
    return tensor


@pytest.mark.parametrize("builtin", sorted(WIDE_OPS))
def test_every_operator_is_read(builtin):
    graph = read_graph(wide_model(builtin))
    *before, op = graph.ops
    assert len(before) == (builtin == "ASSIGN_VARIABLE")  # what reads the variable
    moves = issubclass(WIDE_OPS[builtin], Move) or builtin in ("CONCATENATION", "PAD", "PADV2")
    assert isinstance(op, (Move, Reshape) if moves else WIDE_OPS[builtin])
    verify_graph(fuse_graph(graph))


BROKEN = [
    ("CONV_2D", {"x": wide(zero=3)}, "a zero point of 0"),
    ("CONV_2D", {"y": Tensor((1, 8, 8, 6))}, "its activations are int16"),
    ("CONV_2D", {"b": bias(6)}, "an int64 constant with one value per output channel"),
    ("CONV_2D", {"b": long(1 << 47)}, "below 2^47"),
    ("CONV_2D", {"x": wide(scale=500.0)}, "multipliers below 2^7"),
    ("CONV_2D", {"b": long(1 << 40)}, "results below 2^30"),
    ("CONV_2D", {"w": weights(6, 3, 3, 2), "x": wide((1, 8, 8, 4))}, "read all input channels"),
    ("DEPTHWISE_CONV_2D", {"w": weights(1, 32, 16, 8)}, "at most 511 taps"),
    ("FULLY_CONNECTED", {"x": wide(scale=2.0)}, "at least 2^-32 and below 1"),
    ("BATCH_MATMUL", {"w": wide((1, 4, 5), zero=3)}, "a zero point of 0"),
    (
        "BATCH_MATMUL",
        {"w": Tensor((1, 4, 5), data=3)},
        "its second operand is int16 with one scale",
    ),
    ("BATCH_MATMUL", {"x": wide((1, 3, 4), scale=2.0)}, "product with the number of summands"),
    ("ADD", {"y": wide(scale=1e-5)}, "above 2^-14 times"),
    ("ADD", {"PotScaleInt16": True}, "pot_scale_int16 is off"),
    ("ADD", {"w": Tensor((1, 8, 8, 4), data=3)}, "its constant operand, if any, is int16"),
    ("MUL", {"y": wide(scale=0.2)}, "multiplier below 1"),
    ("QUANTIZE", {"x": wide(scale=9000.0)}, "below 2^14 times"),
    ("QUANTIZE", {"y": Tensor((1, 8, 8, 4), "int32", 0.5)}, "int8 or int16, quantized"),
    ("RELU", {"y": Tensor((1, 8, 8, 4))}, "both or neither"),
    ("MAX_POOL_2D", {"FilterHeight": 1 << 15}, "at most 2^15 elements"),
    ("MEAN", {"x": wide(scale=20000.0)}, "inside an int32"),
    ("LOGISTIC", {"y": wide(scale=1 / 256)}, "scale of 1/32768"),
    ("LEAKY_RELU", {"Alpha": -0.1}, "multipliers of at least 0 and below 2^14"),
    ("ABS", {"x": wide(scale=9000.0)}, "multipliers of at least 0 and below 2^14"),
    ("TANH", {"x": wide(scale=6.0)}, "scale is below 5"),
    ("SOFTMAX", {"Beta": 100.0}, "above 0 and below 2"),
    (
        "SOFTMAX",
        {"x": wide((1, 70000)), "y": wide((1, 70000), scale=1 / 32768)},
        "at most 65535 elements",
    ),
]


@pytest.mark.parametrize(("builtin", "changes", "sentence"), BROKEN)
def test_a_broken_constraint_is_told(builtin, changes, sentence):
    with pytest.raises(UnsupportedModelError) as caught:
        read_graph(wide_model(builtin, **changes))
    assert sentence in caught.value.message
    assert caught.value.hint


def test_every_constraint_of_int16_alone_is_tested():
    narrow = {c.__doc__ for op in OPS.values() for c in op.constraints}
    sentences = {
        c.__doc__ for op in WIDE_OPS.values() for c in list_constraints(op, "int16")
    } - narrow
    told = [sentence.lower() for _, _, sentence in BROKEN]
    assert not {s for s in sentences if not any(t in s.lower() for t in told)}


def test_what_int8_alone_has_is_refused():
    with pytest.raises(UnsupportedModelError, match="SQUARED_DIFFERENCE of int16") as caught:
        read_graph(wide_model("SQUARED_DIFFERENCE"))
    assert "Supported of int16 are" in caught.value.hint
    read_graph(model("SQUARED_DIFFERENCE"))


@pytest.mark.parametrize(
    ("builtin", "changes"),
    [
        ("CONV_2D", {"low": 40000}),
        ("CONV_2D", {"shift": np.full(6, 7, np.int32)}),
        ("CONV_2D", {"multiplier": np.full(6, 1 << 15, np.int32)}),
        ("FULLY_CONNECTED", {"scale": np.full(5, 1.0)}),
        ("ADD", {"output_shift": 1}),
        ("MUL", {"shift": 1}),
        ("MEAN", {"multiplier": -1}),
        ("SOFTMAX", {"shift": 15}),
        ("LOGISTIC", {"shift": 32}),
        ("QUANTIZE", {"high": 40000}),
        ("LEAKY_RELU", {"below": (1 << 30, 15)}),
    ],
)
def test_a_broken_op_is_found(builtin, changes):
    graph = read_graph(wide_model(builtin))
    op = dataclasses.replace(graph.ops[0], **changes)
    with pytest.raises(InternalError, match="is broken"):
        verify_graph(dataclasses.replace(graph, ops=(op,)))


def test_reduced_multipliers_round_once():
    multiplier, shift = reduce_multipliers([0.5, 1.5, 0.9999999, 2.0**-31])
    assert multiplier.tolist() == [0x4000, 0x6000, 0x7FFF, 0x4000]
    assert shift.tolist() == [15, 14, 15, 45]
    assert multiply_reduced([1, -1, 3, -3], 0x4000, 15).tolist() == [1, 0, 2, -1]
