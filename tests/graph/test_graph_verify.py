"""Every invariant once: a sound graph with one attribute changed."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
from builders import (
    ModelBuilder,
    add_model,
    binary_model,
    concatenation_model,
    conv_model,
    depthwise_model,
    fc_model,
    lookup_model,
    mean_model,
    pad_model,
    pool_model,
    reshape_model,
    softmax_model,
)

from tinydeploy.errors import InternalError
from tinydeploy.graph.passes import fuse_graph
from tinydeploy.graph.read import read_graph
from tinydeploy.graph.tensor import Quantization
from tinydeploy.graph.verify import verify_graph


def pooled_model():
    b = ModelBuilder()
    return b.finish([b.pool("MAX_POOL_2D", b.conv(b.input((8, 8, 4)), 6))])


MODELS = {
    "conv": conv_model((8, 8, 4), 6),
    "pooled": pooled_model(),
    "depthwise": depthwise_model((8, 8, 4), 2),
    "fc": fc_model((20,), 6),
    "add": add_model((4, 4, 8)),
    "add constant": binary_model("ADD", (4, 4, 8), constant=(8,)),
    "mul": binary_model("MUL", (4, 4, 8)),
    "maximum": binary_model("MAXIMUM", (4, 4, 8)),
    "pool": pool_model("AVERAGE_POOL_2D", (8, 8, 4)),
    "mean": mean_model((7, 5, 4)),
    "pad": pad_model((4, 4, 3), (1, 1, 1, 1)),
    "reshape": reshape_model((4, 4, 3), (1, 48)),
    "concatenation": concatenation_model([(4, 4, 3), (4, 4, 2)]),
    "softmax": softmax_model((10,)),
    "lookup": lookup_model("TANH"),
}
INT8 = np.int8
SIX = np.zeros(6, np.int32)

BROKEN = [
    ("conv", {"weights": np.zeros((6, 3, 3, 4), np.int16)}, "weights are int8, 4-D"),
    ("conv", {"weights": np.zeros((5, 3, 3, 4), INT8)}, "there is a bias per channel"),
    ("conv", {"weights": np.zeros((6, 3, 3, 5), INT8)}, "the weights read all input channels"),
    ("conv", {"bias": np.zeros(6, np.int64)}, "the bias is int32"),
    ("conv", {"bias": np.full(6, 2**31 - 1, np.int32)}, "accumulators fit an int32"),
    ("conv", {"multiplier": SIX + 5}, "multipliers are in range"),
    ("conv", {"shift": SIX - 32}, "multipliers are in range"),
    ("conv", {"shift": SIX + 30}, "accumulators fit an int32"),
    ("conv", {"low": np.full(6, 3, INT8), "high": np.full(6, 2, INT8)}, "no range of outputs is"),
    ("conv", {"low": SIX}, "lower bounds are int8"),
    ("conv", {"high": np.zeros(5, INT8)}, "upper bounds are int8"),
    ("conv", {"stride": (0, 1)}, "strides and dilations are at least 1"),
    ("conv", {"dilation": (1, 2)}, "the output fits"),
    ("conv", {"padding": (1, 1, -1, 1)}, "paddings are not negative"),
    ("conv", {"input_zero_point": 5}, "zero points agree"),
    ("conv", {"output_zero_point": 5}, "zero points agree"),
    ("depthwise", {"depth_multiplier": 3}, "the multiplier gives the channels"),
    ("depthwise", {"weights": np.zeros((2, 3, 3, 8), INT8)}, "first dimension is 1"),
    ("fc", {"weights": np.zeros((6, 20), np.int16)}, "weights are int8"),
    ("fc", {"weights": np.zeros((6, 19), INT8)}, "the input fits"),
    ("fc", {"positions": 2}, "the output fits"),
    ("fc", {"scale": np.full(6, np.nan)}, "scales are finite"),
    ("fc", {"scale": np.zeros(6, np.float32)}, "scales are float64"),
    ("fc", {"bias": np.zeros(5, np.int32)}, "the bias is int32"),
    ("fc", {"bias": np.full(6, 2**31 - 1, np.int32)}, "accumulators fit an int32"),
    ("fc", {"low": np.full(6, 3, INT8), "high": np.full(6, 2, INT8)}, "no range of outputs is"),
    ("fc", {"output_zero_point": 5}, "zero points agree"),
    ("add", {"multipliers": (5, 1 << 30)}, "operand multipliers are below 1"),
    ("add", {"shifts": (0, 1)}, "operand multipliers are below 1"),
    ("add", {"output_shift": 1}, "the output multiplier is below 1"),
    ("add", {"signs": (1, 2)}, "signs are +1 or -1"),
    ("add", {"zero_points": (0, 300)}, "zero points are int8"),
    ("add", {"zero_points": (0, 1)}, "zero points are the operands'"),
    ("add", {"output_zero_point": 0}, "so is the output's"),
    ("add", {"low": 4, "high": 3}, "the range of outputs is not empty"),
    ("add", {"constant": np.zeros(8, INT8)}, "the operands broadcast"),
    ("add", {"inputs": (0,)}, "the operands broadcast"),
    ("add constant", {"constant": np.zeros(7, INT8)}, "the operands broadcast"),
    ("add constant", {"constant": np.zeros(8, np.int32)}, "the operands broadcast"),
    ("mul", {"shift": 15}, "the shifted product fits an int32"),
    ("mul", {"multiplier": 7}, "the multiplier is in range"),
    ("mul", {"zero_points": (0, 1)}, "zero points are the operands'"),
    ("mul", {"high": 128}, "the range of outputs is not empty"),
    ("pool", {"stride": (0, 2)}, "window and strides are at least 1"),
    ("pool", {"kernel": (3, 2)}, "the output fits"),
    ("pool", {"padding": (2, 0, 0, 0)}, "every window holds an element of the input"),
    ("pool", {"padding": (0, 0, 0, -1)}, "paddings are not negative"),
    ("pool", {"low": -129}, "the range of outputs is not empty"),
    ("mean", {"count": 34}, "all elements of a channel count"),
    ("mean", {"multiplier": -1}, "the multiplier is in range"),
    ("mean", {"shift": 25}, "sums fit an int32"),
    ("mean", {"input_zero_point": 99}, "zero points agree"),
    ("pad", {"padding": (1, 1, 1, 2)}, "the output fits"),
    ("pad", {"channel_padding": (-1, 1)}, "paddings are not negative"),
    ("pad", {"value": 128}, "the value is int8"),
    ("concatenation", {"axis": 3}, "the axis is height, width or channels"),
    ("concatenation", {"axis": 0}, "the inputs agree"),
    ("concatenation", {"inputs": (0, 0)}, "the output fits"),
    ("softmax", {"depth": 5}, "a vector is the last dimension"),
    ("softmax", {"exponentials": np.zeros(255, np.int32)}, "256 int32 exponentials"),
    ("softmax", {"exponentials": np.full(256, -1, np.int32)}, "exponentials are not negative"),
    ("softmax", {"exponentials": np.zeros(256, np.int32)}, "exp(0) is the largest Q0.31"),
    ("lookup", {"table": np.zeros(255, INT8)}, "the table has 256 int8"),
    ("reshape", {"inputs": ()}, "has no input or no output"),
    ("reshape", {"inputs": (99,)}, "names a tensor that there is not"),
    ("reshape", {"inputs": (-1,)}, "names a tensor that there is not"),
    ("reshape", {"outputs": (0,)}, "writes tensor 0 a second time"),
]


@pytest.mark.parametrize(("name", "changes", "sentence"), BROKEN)
def test_a_broken_op_is_found(name, changes, sentence):
    graph = read_graph(MODELS[name])
    (op,) = graph.ops
    with pytest.raises(InternalError) as caught:
        verify_graph(replace(graph, ops=(replace(op, **changes),)))
    assert sentence in caught.value.message


@pytest.mark.parametrize("name", MODELS)
def test_sound_graphs_pass(name):
    graph = read_graph(MODELS[name])
    verify_graph(graph)
    verify_graph(fuse_graph(graph))


@pytest.mark.parametrize(
    ("changes", "sentence"),
    [
        ({"kernel": (3, 2), "padding": (0, 0, 1, 0)}, "pool windows do not overlap"),
        ({"stride": (0, 2)}, "window and strides are at least 1"),
        ({"padding": (0, 0, 2, 0)}, "every window holds an element"),
        ({"low": 9, "high": 8}, "the range of outputs is not empty"),
        ({"stride": (3, 2)}, "the output fits"),
    ],
)
def test_a_broken_pool_behind_a_convolution_is_found(changes, sentence):
    graph = fuse_graph(read_graph(MODELS["pooled"]))
    (op,) = graph.ops
    pool = replace(op.pool, **changes)
    with pytest.raises(InternalError, match=sentence):
        verify_graph(replace(graph, ops=(replace(op, pool=pool),)))


TENSORS = [
    ({"shape": (2, 4, 4, 3)}, "has a batch of 2"),
    ({"shape": (1, 4, 0, 3)}, r"has shape \[1, 4, 0, 3\]"),
    ({"dtype": "uint8"}, "is no activation quantized per tensor"),
    ({"quantization": None}, "is no activation quantized per tensor"),
    ({"quantization": Quantization((0.0,), (0,))}, "is no activation quantized per tensor"),
    ({"quantization": Quantization((0.5,), (200,))}, "is no activation quantized per tensor"),
    ({"dtype": "int16"}, "is no activation quantized per tensor"),  # its zero point is not 0
    ({"quantization": Quantization((0.5,), (0,))}, "both ends quantize alike"),
    ({"data": np.zeros((1, 4, 4, 3), INT8)}, "is no activation quantized per tensor"),
    ({"shape": (1, 4, 4, 4)}, "as many elements"),
]


@pytest.mark.parametrize(("changes", "sentence"), TENSORS)
def test_a_broken_tensor_is_found(changes, sentence):
    graph = read_graph(MODELS["reshape"])
    tensors = (replace(graph.tensors[0], **changes), *graph.tensors[1:])
    with pytest.raises(InternalError, match=sentence):
        verify_graph(replace(graph, tensors=tensors))


@pytest.mark.parametrize(
    ("changes", "sentence"),
    [
        ({"outputs": ()}, "no input or no output"),
        ({"inputs": (7,)}, "an input or output of the model is no tensor"),
        ({"outputs": (2,)}, "output 2 is never written"),
        ({"inputs": (1,)}, "reads tensor 0 before it is written"),
    ],
)
def test_broken_ends_are_found(changes, sentence):
    with pytest.raises(InternalError, match=sentence):
        verify_graph(replace(read_graph(MODELS["reshape"]), **changes))


def test_accumulators_at_the_limit():
    """One tap of 127 over inputs of -128 to 127 with zero point -128: at most 127 * 255."""
    b = ModelBuilder()
    x = b.input((1, 1, 1), zero_point=-128)
    graph = read_graph(b.finish([b.conv(x, 1, (1, 1), scale=1.0)]))
    (op,) = graph.ops
    op = replace(op, weights=np.full((1, 1, 1, 1), 127, INT8))
    limit = 2**31 - 1 - 127 * 255
    verify_graph(replace(graph, ops=(replace(op, bias=np.array([limit], np.int32)),)))
    with pytest.raises(InternalError, match="accumulators fit an int32"):
        verify_graph(replace(graph, ops=(replace(op, bias=np.array([limit + 1], np.int32)),)))
