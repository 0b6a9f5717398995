"""Every op's attributes, executed in numpy, against the reference interpreter: equal bytes."""

from __future__ import annotations

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
    random_inputs,
    reshape_model,
    softmax_model,
)
from execute import execute_graph
from litert import run_litert

from tinydeploy.graph.lookup_tables import TABLES
from tinydeploy.graph.read import read_graph

BINARY = ("ADD", "SUB", "MUL", "MAXIMUM", "MINIMUM")
OPERANDS = (
    {"other": (4, 4, 8)},
    {"other": (1, 1, 8)},
    {"other": (1, 1, 1)},
    {"constant": (1, 1, 1, 8)},
    {"constant": (8,)},
    {"constant": (1,)},
    {"constant": (1, 4, 4, 8)},
    {"constant": (1, 4, 1, 8)},
    {"constant": (1, 1, 1, 8), "constant_first": True},
)
CASES = {
    "conv": conv_model((8, 8, 4), 6),
    "conv stride": conv_model((9, 8, 3), 5, (3, 3), stride=(2, 2), activation="RELU"),
    "conv dilation": conv_model(
        (9, 11, 4), 6, (3, 2), dilation=(2, 3), padding="VALID", activation="RELU6"
    ),
    "conv 1x1 per tensor": conv_model((5, 5, 16), 8, (1, 1), per_channel=False),
    "conv large": conv_model((12, 5, 2), 3, (10, 4), stride=(2, 2)),
    "conv above 1": conv_model((4, 4, 2), 3, scale=0.0003, activation="RELU_N1_TO_1"),
    "depthwise": depthwise_model((9, 7, 3), dilation=(2, 1)),
    "depthwise multiplier": depthwise_model((6, 6, 2), 3, stride=(2, 2)),
    "depthwise valid": depthwise_model((9, 7, 4), stride=(2, 2), padding="VALID", bias=False),
    "fully connected": fc_model((400,), 50),
    "fully connected per channel": fc_model((40,), 70, per_channel=True, activation="RELU"),
    "fully connected image": fc_model((3, 4, 5), 7, bias=False),
    "fully connected vectors": fc_model((5, 8), 7, depth=8, keep_num_dims=True),
    "fully connected pixels": fc_model((3, 4, 5), 7, depth=5, keep_num_dims=True),
    "fully connected split": fc_model((3, 4, 5), 7, depth=20),
    "max pool": pool_model(
        "MAX_POOL_2D", (9, 9, 4), (3, 3), stride=(2, 2), padding="SAME", activation="RELU"
    ),
    "average pool": pool_model("AVERAGE_POOL_2D", (9, 8, 4), (3, 2), stride=(2, 1), padding="SAME"),
    "average pool all": pool_model("AVERAGE_POOL_2D", (7, 7, 8), (7, 7), activation="RELU6"),
    "add relu": add_model((4, 4, 8), activation="RELU"),
    "mean": mean_model((7, 7, 16)),
    "mean flat": mean_model((4, 5, 6), keep_dims=False, axes=(-2, -3)),
    "mean same scale": mean_model((7, 3, 16), scale=0.05, zero_point=-3),
    "pad": pad_model((4, 5, 6), (1, 2, 3, 0)),
    "padv2 channels": pad_model((4, 5, 6), (0, 0, 0, 1), channels=(2, 3), value=7),
    "reshape": reshape_model((4, 5, 6), (1, 120)),
    "concatenation": concatenation_model([(4, 4, 3), (4, 4, 5)]),
    "concatenation rows": concatenation_model([(4, 4, 3), (2, 4, 3), (1, 4, 3)], axis=1),
    "concatenation vectors": concatenation_model([(10,), (3,)], axis=1),
    "softmax beta": softmax_model((10,), beta=0.3),
    **{
        f"softmax {scale} {shape}": softmax_model(shape, scale=scale)
        for scale in (0.001, 0.1, 1.0, 7.3)
        for shape in ((10,), (500,), (3, 3, 5))
    },
    **{f"{b} {o}": binary_model(b, (4, 4, 8), **o) for b in BINARY for o in OPERANDS},
}


@pytest.mark.parametrize("name", CASES)
def test_op_equals_reference(name):
    model = CASES[name]
    graph = read_graph(model)
    for vector in zip(*random_inputs(model, 3), strict=True):
        got = execute_graph(graph, vector)
        for tensor, expected in zip(graph.outputs, run_litert(model, vector), strict=True):
            np.testing.assert_array_equal(got[tensor], expected)


@pytest.mark.parametrize("function", TABLES)
def test_every_value_of_a_table_equals_reference(function):
    rng = np.random.default_rng(7)
    values = np.arange(-128, 128).astype(np.int8).reshape(1, 16, 16, 1)
    for _ in range(25):
        options = {"zero_point": int(rng.integers(-128, 128))}
        if function != "LOGISTIC":
            options["scale"] = float(np.exp(rng.uniform(-6, -1)))
        if function == "LEAKY_RELU":
            options["alpha"] = float(rng.uniform(-0.5, 1.5))
        if function == "NEG":
            options |= {"zero_point": 0, "scale": 0.01}
        zeros = {"NEG": 0, "SQRT": -128, "RSQRT": -128}
        scale = float(np.exp(rng.uniform(-7, -3 if function == "EXP" else -1)))
        model = lookup_model(
            function,
            input_scale=0.01 if function == "NEG" else scale,
            input_zero_point=zeros.get(function, int(rng.integers(-128, 128))),
            **options,
        )
        graph = read_graph(model)
        (expected,) = run_litert(model, [values])
        np.testing.assert_array_equal(graph.ops[0].table, expected.ravel())


def test_unlikely_scales_equal_reference():
    """Scales that nobody trains: extreme ratios and exact ties."""
    for scales in ((1.0, 1.0, 1.0), (0.5, 0.25, 1.0), (2.0**-20, 1.0, 0.5), (1.0, 2.0**-10, 2.0)):
        for builtin in ("ADD", "SUB", "MUL"):
            b = ModelBuilder(1)
            x, y = b.input((16, 16, 1), scales[0], 7), b.input((16, 16, 1), scales[1], -128)
            model = b.finish([b.binary(builtin, x, y, scale=scales[2], zero_point=-5)])
            graph = read_graph(model)
            vector = [v[0] for v in random_inputs(model, 1)]
            (expected,) = run_litert(model, vector)
            got = execute_graph(graph, vector)[graph.outputs[0]]
            np.testing.assert_array_equal(got, expected, err_msg=f"{builtin} {scales}")


def test_ties_of_fully_connected_layers_equal_reference():
    """A scale of 1/2 makes every odd accumulator a tie, above and below zero."""
    b = ModelBuilder(2)
    x = b.input((32,), 0.5, 0)
    weights = b.writer.add_tensor(
        "w", (32, 32), "int8", scales=[0.5], data=np.eye(32, dtype=np.int8)
    )
    y = b.activation((1, 32), 0.5, 0)
    b.writer.add_op("FULLY_CONNECTED", [x.id, weights, -1], [y.id], {})
    model = b.finish([y])
    graph = read_graph(model)
    vector = [np.arange(-16, 16).astype(np.int8).reshape(1, 32)]
    (expected,) = run_litert(model, vector)
    np.testing.assert_array_equal(execute_graph(graph, vector)[y.id], expected)
    assert expected[0, 15] == -1  # -1/2, away from zero
