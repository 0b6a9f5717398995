"""Every rewrite: what it makes of the ops, where it must not apply, and equal outputs."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
from builders import ModelBuilder, random_inputs
from execute import execute_graph

from tinydeploy.errors import InternalError
from tinydeploy.graph.passes import FUSION_PASSES, fuse_graph, run_pass
from tinydeploy.graph.read import read_graph


def kinds(graph):
    return " ".join(op.kind + ("+pool" if getattr(op, "pool", None) else "") for op in graph.ops)


def fuse_and_compare(model, **names):
    """The fused graph, after its outputs have been compared with the unfused one's."""
    unfused = read_graph(model)
    fused = fuse_graph(unfused)
    for vector in zip(*random_inputs(model, 3), strict=True):
        before, after = execute_graph(unfused, vector), execute_graph(fused, vector)
        assert set(after) <= set(before)
        for tensor, values in after.items():
            np.testing.assert_array_equal(values, before[tensor])
    again = fuse_graph(fused)
    assert kinds(again) == kinds(fused)
    return fused


def conv_pool(b, **options):
    return b.pool("MAX_POOL_2D", b.conv(b.input((9, 9, 3)), 6), **options)


def clamped(b, builtin="MAXIMUM", producer="conv"):
    x = b.input((6, 6, 4))
    y = {
        "conv": lambda: b.conv(x, 4),
        "depthwise": lambda: b.depthwise(x),
        "fully connected": lambda: b.fully_connected(x, 9),
        "add": lambda: b.binary("ADD", x, b.input((6, 6, 4))),
        "mul": lambda: b.binary("MUL", x, b.input((6, 6, 4))),
        "average pool": lambda: b.pool("AVERAGE_POOL_2D", x),
        "input": lambda: x,
    }[producer]()
    return b.binary(builtin, y, b.channel_constant(y) if y.shape[1:3] != () else y)


def relu(b, function, producer="conv", **options):
    x = b.input((6, 6, 4))
    y = b.conv(x, 4, scale=0.05) if producer == "conv" else b.binary("ADD", x, b.input((6, 6, 4)))
    options = {"scale": y.scale, "zero_point": y.zero_point} | options
    return b.lookup(function, y, **options)


def even(b, builtin):
    """A clamp to one value for all channels, behind an ADD."""
    y = b.binary("ADD", b.input((6, 6, 4)), b.input((6, 6, 4)))
    return b.binary(builtin, y, np.array([-20], np.int8))


FUSED = {
    # fold_padding
    "pad conv": (
        lambda b: b.conv(b.pad(b.input((7, 7, 3)), (1, 0, 1, 2)), 5, padding="VALID"),
        "CONV_2D",
    ),
    "pad conv same": (
        lambda b: b.conv(b.pad(b.input((7, 7, 3)), (1, 0, 1, 2)), 5, stride=(2, 2)),
        "CONV_2D",
    ),
    "pad depthwise": (
        lambda b: b.depthwise(b.pad(b.input((8, 8, 3))), stride=(2, 2), padding="VALID"),
        "DEPTHWISE_CONV_2D",
    ),
    "padv2 zero point": (lambda b: b.conv(b.pad(b.input((7, 7, 3)), value=-3), 5), "CONV_2D"),
    "pad pad conv": (
        lambda b: b.conv(b.pad(b.pad(b.input((7, 7, 3))), (0, 2, 1, 0)), 5),
        "CONV_2D",
    ),
    "padv2 other value": (lambda b: b.conv(b.pad(b.input((7, 7, 3)), value=-4), 5), "PAD CONV_2D"),
    "pad channels": (
        lambda b: b.conv(b.pad(b.input((7, 7, 3)), channels=(0, 1)), 5),
        "PAD CONV_2D",
    ),
    "pad max pool": (lambda b: b.pool("MAX_POOL_2D", b.pad(b.input((7, 7, 3)))), "PAD MAX_POOL_2D"),
    "pad average pool": (
        lambda b: b.pool("AVERAGE_POOL_2D", b.pad(b.input((6, 6, 3)))),
        "PAD AVERAGE_POOL_2D",
    ),
    # fold_clamps, rules 1 and 2
    "conv max": (lambda b: clamped(b), "CONV_2D"),
    "conv min": (lambda b: clamped(b, "MINIMUM"), "CONV_2D"),
    "depthwise max": (lambda b: clamped(b, producer="depthwise"), "DEPTHWISE_CONV_2D"),
    "fully connected max": (
        lambda b: b.maximum(
            _y := b.fully_connected(b.input((20,)), 9),
            b.rng.integers(-50, 50, (1, 9)).astype(np.int8),
        ),
        "FULLY_CONNECTED",
    ),
    "conv max min max": (
        lambda b: b.maximum(
            y := b.minimum(x := clamped(b), b.channel_constant(x)), b.channel_constant(y)
        ),
        "CONV_2D",
    ),
    "add max even": (lambda b: even(b, "MAXIMUM"), "ADD"),
    "add min even": (lambda b: even(b, "MINIMUM"), "ADD"),
    "add max": (lambda b: clamped(b, producer="add"), "ADD MAXIMUM"),
    "mul max": (lambda b: clamped(b, producer="mul"), "MUL MAXIMUM"),
    "average pool max": (lambda b: clamped(b, producer="average pool"), "AVERAGE_POOL_2D MAXIMUM"),
    "input max": (lambda b: clamped(b, producer="input"), "MAXIMUM"),
    "conv max pixels": (
        lambda b: b.maximum(
            y := b.conv(b.input((4, 4, 3)), 5), b.rng.integers(-50, 50, y.shape).astype(np.int8)
        ),
        "CONV_2D MAXIMUM",
    ),
    "conv max activation": (
        lambda b: b.maximum(
            b.conv(b.input((4, 4, 3)), 5, scale=0.05, zero_point=-3), b.input((4, 4, 5))
        ),
        "CONV_2D MAXIMUM",
    ),
    # fold_clamps, rule 3
    "conv relu": (lambda b: relu(b, "RELU"), "CONV_2D"),
    "conv relu6": (lambda b: relu(b, "RELU6"), "CONV_2D"),
    "add relu n1 to 1": (lambda b: relu(b, "RELU_N1_TO_1", "add"), "ADD"),
    "conv relu requantized": (lambda b: relu(b, "RELU", scale=0.11), "CONV_2D RELU"),
    "conv relu moved": (lambda b: relu(b, "RELU", zero_point=5), "CONV_2D RELU"),
    "conv leaky relu": (lambda b: relu(b, "LEAKY_RELU"), "CONV_2D LEAKY_RELU"),
    # fuse_max_pool
    "conv pool": (conv_pool, "CONV_2D+pool"),
    "conv pool same": (lambda b: conv_pool(b, padding="SAME"), "CONV_2D+pool"),
    "conv pool sparse": (
        lambda b: conv_pool(b, kernel=(2, 3), stride=(3, 1), activation="RELU"),
        "CONV_2D+pool",
    ),
    "depthwise pool": (
        lambda b: b.pool("MAX_POOL_2D", b.depthwise(b.input((9, 8, 3)), 2)),
        "DEPTHWISE_CONV_2D+pool",
    ),
    "pad conv max relu pool": (
        lambda b: b.pool(
            "MAX_POOL_2D",
            b.lookup(
                "RELU",
                _y := b.maximum(
                    x := b.conv(b.pad(b.input((8, 8, 3))), 4, padding="VALID", scale=0.05),
                    b.channel_constant(x),
                ),
                scale=x.scale,
                zero_point=x.zero_point,
            ),
        ),
        "CONV_2D+pool",
    ),
    "conv pool overlapping": (
        lambda b: conv_pool(b, kernel=(3, 3), stride=(2, 2)),
        "CONV_2D MAX_POOL_2D",
    ),
    "conv pool overlapping in columns": (
        lambda b: conv_pool(b, kernel=(2, 3), stride=(2, 2)),
        "CONV_2D+pool",
    ),
    "conv average pool": (
        lambda b: b.pool("AVERAGE_POOL_2D", b.conv(b.input((8, 8, 3)), 4)),
        "CONV_2D AVERAGE_POOL_2D",
    ),
    "conv pool pool": (lambda b: b.pool("MAX_POOL_2D", conv_pool(b)), "CONV_2D+pool MAX_POOL_2D"),
    "conv pool max": (
        lambda b: b.maximum(y := conv_pool(b), b.channel_constant(y)),
        "CONV_2D+pool MAXIMUM",
    ),
    # remove_identities
    "quantize": (
        lambda b: b.conv(b.lookup("QUANTIZE", b.input((5, 5, 3)), zero_point=-3), 4),
        "CONV_2D",
    ),
    "quantize moved": (
        lambda b: b.conv(b.lookup("QUANTIZE", b.input((5, 5, 3)), zero_point=-4), 4),
        "QUANTIZE CONV_2D",
    ),
    "relu on relu": (
        lambda b: b.conv(b.lookup("RELU", b.input((5, 5, 3), 0.05, -128), zero_point=-128), 4),
        "CONV_2D",
    ),
    "empty pad": (
        lambda b: b.pool("AVERAGE_POOL_2D", b.pad(b.input((4, 4, 3)), (0, 0, 0, 0))),
        "AVERAGE_POOL_2D",
    ),
    "pool of one": (
        lambda b: b.conv(b.pool("MAX_POOL_2D", b.input((4, 4, 3)), (1, 1)), 4),
        "CONV_2D",
    ),
    "pool of one, stride 2": (
        lambda b: b.conv(b.pool("MAX_POOL_2D", b.input((4, 4, 3)), (1, 1), stride=(2, 2)), 4),
        "MAX_POOL_2D CONV_2D",
    ),
    "concatenation of one": (lambda b: b.conv(b.concatenation([b.input((4, 4, 3))]), 4), "CONV_2D"),
    "quantize at the end": (
        lambda b: b.lookup("QUANTIZE", b.input((5, 5, 3)), zero_point=-3),
        "QUANTIZE",
    ),
    "conv quantize relu": (
        lambda b: b.lookup(
            "RELU",
            b.lookup(
                "QUANTIZE",
                y := b.conv(b.input((5, 5, 3)), 4),
                scale=y.scale,
                zero_point=y.zero_point,
            ),
            scale=y.scale,
            zero_point=y.zero_point,
        ),
        "CONV_2D",
    ),
}


@pytest.mark.parametrize("name", FUSED)
def test_fusion(name):
    make, expected = FUSED[name]
    b = ModelBuilder(5)
    assert kinds(fuse_and_compare(b.finish([make(b)]))) == expected


MIDDLES = {
    "pad": lambda b, x: (p := b.pad(x), b.conv(p, 4, padding="VALID")),
    "clamp": lambda b, x: (y := b.conv(x, 4), b.maximum(y, b.channel_constant(y))),
    "pool": lambda b, x: (y := b.conv(x, 4), b.pool("MAX_POOL_2D", y)),
    "quantize": lambda b, x: (y := b.lookup("QUANTIZE", x, zero_point=-3), b.conv(y, 4)),
}


@pytest.mark.parametrize("name", sorted(set(MIDDLES) - {"quantize"}))
def test_a_tensor_with_two_readers_stays(name):
    b = ModelBuilder(6)
    middle, end = MIDDLES[name](b, b.input((8, 8, 4)))
    graph = fuse_and_compare(b.finish([end, b.lookup("HARD_SWISH", middle)]))
    assert len(graph.ops) == 3


@pytest.mark.parametrize("name", sorted(MIDDLES))
def test_an_output_stays(name):
    b = ModelBuilder(6)
    middle, end = MIDDLES[name](b, b.input((8, 8, 4)))
    graph = fuse_and_compare(b.finish([middle, end]))
    assert len(graph.ops) == 2
    assert graph.outputs == (middle.id, end.id)


def test_an_identity_with_two_readers_goes():
    b = ModelBuilder(6)
    middle, end = MIDDLES["quantize"](b, b.input((8, 8, 4)))
    graph = fuse_and_compare(b.finish([end, b.lookup("HARD_SWISH", middle)]))
    assert kinds(graph) == "CONV_2D HARD_SWISH"


def test_both_operands_of_an_op_may_be_the_same_tensor():
    b = ModelBuilder(6)
    y = b.conv(b.input((8, 8, 4)), 4)
    graph = fuse_and_compare(b.finish([b.binary("ADD", y, y)]))
    assert kinds(graph) == "CONV_2D ADD"


def some_graph():
    b = ModelBuilder(7)
    return read_graph(b.finish([b.conv(b.conv(b.input((8, 8, 4)), 4), 4)]))


def forget_first(graph):
    return replace(graph, ops=graph.ops[1:])


def halve_stride(graph):
    return replace(graph, ops=(replace(graph.ops[0], stride=(2, 2)), *graph.ops[1:]))


def swap_ends(graph):
    return replace(graph, outputs=graph.ops[0].outputs)


@pytest.mark.parametrize(
    ("rewrite", "message"),
    [
        (forget_first, "pass forget_first left a broken graph: .*before it is written"),
        (halve_stride, "pass halve_stride left a broken graph: .*the output fits"),
        (swap_ends, "pass swap_ends changed the tensors, inputs or outputs"),
    ],
)
def test_a_broken_contract_names_the_pass(rewrite, message):
    with pytest.raises(InternalError, match=message):
        run_pass(rewrite, some_graph())


def test_a_pass_requires_a_sound_graph():
    with pytest.raises(InternalError, match="pass fold_reshapes requires a sound graph"):
        run_pass(FUSION_PASSES[1], halve_stride(some_graph()))


def test_a_table_of_one_value_of_another_scale_stays():
    b = ModelBuilder(1)
    x = b.input((4, 4, 8))
    y = b.binary("ADD", x, x, scale=0.5, zero_point=3)
    model = b.finish([b.lookup("RELU", y, scale=0.5, zero_point=127)])
    assert [op.kind for op in fuse_graph(read_graph(model)).ops] == ["ADD", "RELU"]
