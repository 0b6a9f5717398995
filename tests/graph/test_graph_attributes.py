"""Numbers that ops tell the plan and the report: rows read, MACs, parameters."""

from __future__ import annotations

import pytest
from builders import (
    ModelBuilder,
    add_model,
    concatenation_model,
    conv_model,
    depthwise_model,
    fc_model,
    mean_model,
    pad_model,
    pool_model,
    reshape_model,
)

from tinydeploy.graph.passes import fuse_graph
from tinydeploy.graph.read import read_graph

ROWS = [
    # model, which input, output rows, input rows
    (conv_model((8, 8, 2), 3), 0, (0, 8), (-1, 9)),
    (conv_model((8, 8, 2), 3), 0, (3, 4), (2, 5)),
    (conv_model((8, 8, 2), 3, stride=(2, 2)), 0, (0, 1), (0, 3)),  # SAME pads behind first
    (conv_model((9, 9, 2), 3, stride=(2, 2)), 0, (1, 3), (1, 6)),
    (conv_model((9, 9, 2), 3, dilation=(2, 2), padding="VALID"), 0, (0, 2), (0, 6)),
    (conv_model((9, 9, 2), 3, (1, 1), stride=(3, 3)), 0, (0, 3), (0, 7)),
    (depthwise_model((8, 8, 2), 2), 0, (7, 8), (6, 9)),
    (pool_model("MAX_POOL_2D", (9, 9, 2), (3, 3), stride=(2, 2)), 0, (1, 2), (2, 5)),
    (add_model((4, 4, 8)), 1, (2, 3), (2, 3)),
    (add_model((4, 4, 8), (1, 1, 8)), 1, (2, 3), (0, 1)),
    (mean_model((7, 5, 2)), 0, (0, 1), (0, 7)),
    (pad_model((4, 4, 2), (1, 0, 2, 0)), 0, (0, 7), (-1, 6)),
    (pad_model((4, 4, 2), (1, 0, 2, 0)), 0, (2, 3), (1, 2)),
    (reshape_model((4, 4, 2), (1, 32)), 0, (0, 1), (0, 4)),
    (reshape_model((4, 4, 2), (1, 4, 2, 4)), 0, (1, 3), (1, 3)),
    (reshape_model((4, 4, 2), (1, 2, 8, 2)), 0, (0, 1), (0, 4)),
    (concatenation_model([(4, 4, 2), (4, 4, 2)]), 1, (1, 3), (1, 3)),
    (concatenation_model([(4, 4, 2), (3, 4, 2)], axis=1), 0, (3, 6), (3, 4)),
    (concatenation_model([(4, 4, 2), (3, 4, 2)], axis=1), 1, (3, 6), (0, 2)),
    (concatenation_model([(4, 4, 2), (3, 4, 2)], axis=1), 1, (0, 4), (0, 0)),
    (fc_model((3, 4, 5), 7), 0, (0, 1), (0, 3)),
    (fc_model((3, 4, 5), 7, depth=5, keep_num_dims=True), 0, (1, 2), (1, 2)),
]


@pytest.mark.parametrize(("model", "which", "rows", "expected"), ROWS)
def test_rows_read(model, which, rows, expected):
    graph = read_graph(model)
    assert graph.ops[0].input_rows(graph, which, *rows) == expected


def test_rows_read_through_a_pool():
    b = ModelBuilder()
    y = b.conv(b.input((9, 9, 2)), 3)  # SAME: 9 rows
    graph = fuse_graph(read_graph(b.finish([b.pool("MAX_POOL_2D", y, (2, 2), padding="SAME")])))
    (op,) = graph.ops
    assert op.row_shape(graph) == (9, 9, 3)
    assert op.pool_rows(graph, 0, 2) == (0, 4)
    assert op.pool_rows(graph, 4, 5) == (8, 9)  # the window's second row is outside
    assert op.input_rows(graph, 0, 0, 2) == (-1, 5)
    assert op.input_rows(graph, 0, 4, 5) == (7, 10)


MACS = [
    (conv_model((8, 8, 4), 6), 8 * 8 * 6 * 3 * 3 * 4, 6 * 36 + 6),
    (conv_model((8, 8, 4), 6, stride=(2, 2), bias=False), 4 * 4 * 6 * 36, 6 * 36 + 6),
    (depthwise_model((8, 8, 4), 2, (3, 5)), 8 * 8 * 8 * 15, 8 * 15 + 8),
    (fc_model((3, 4, 5), 7), 7 * 60, 7 * 60 + 7),
    (fc_model((6, 5), 7, depth=5), 6 * 7 * 5, 7 * 5 + 7),
    (add_model((4, 4, 8)), 0, 0),
    (add_model((4, 4, 8), constant=(1, 1, 1, 8)), 0, 8),
    (mean_model((7, 5, 2)), 0, 0),
]


@pytest.mark.parametrize(("model", "macs", "parameters"), MACS)
def test_macs_and_parameters(model, macs, parameters):
    graph = read_graph(model)
    assert (graph.macs, graph.parameters) == (macs, parameters)


@pytest.mark.parametrize(
    ("shape", "kernel", "stride", "padding", "expected"),
    [
        ((8, 8), (3, 3), (1, 1), "SAME", (1, 1, 1, 1)),
        ((8, 8), (3, 3), (2, 2), "SAME", (0, 0, 1, 1)),
        ((9, 8), (3, 3), (2, 2), "SAME", (1, 0, 1, 1)),
        ((8, 8), (4, 2), (1, 1), "SAME", (1, 0, 2, 1)),
        ((8, 8), (1, 1), (2, 2), "SAME", (0, 0, 0, 0)),
        ((8, 8), (3, 3), (2, 2), "VALID", (0, 0, 0, 0)),
    ],
)
def test_padding(shape, kernel, stride, padding, expected):
    model = conv_model((*shape, 2), 3, kernel, stride=stride, padding=padding)
    assert read_graph(model).ops[0].padding == expected
