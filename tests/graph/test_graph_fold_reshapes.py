"""Bytes moved between images directly: fewer ops, the same outputs, rows that stream."""

from __future__ import annotations

import numpy as np
import pytest
from builders import ModelBuilder

from tinydeploy.graph.ops import Move
from tinydeploy.graph.passes import fuse_graph
from tinydeploy.graph.read import read_graph


def through(shape, wide, builtin, numbers, made, result, **options):
    """An image, RESHAPE, an op that moves bytes, RESHAPE."""
    b = ModelBuilder(1)
    x = b.input(shape)
    y = b.reshape(x, wide)
    z = b.activation(made, x.scale, x.zero_point)
    constants = [b.constant(np.array(values, np.int32)) for values in numbers]
    b.writer.add_op(builtin, [y.id, *constants], [z.id], options)
    return b.finish([b.reshape(z, result)])


SHUFFLE = (0, 1, 2, 4, 3)
MODELS = {
    "channel shuffle": through(
        (4, 5, 6), (1, 4, 5, 2, 3), "TRANSPOSE", [SHUFFLE], (1, 4, 5, 3, 2), (1, 4, 5, 6)
    ),
    "rows twice": through(
        (4, 5, 6), (1, 4, 1, 5, 6), "TILE", [(1, 1, 2, 1, 1)], (1, 4, 2, 5, 6), (1, 8, 5, 6)
    ),
    "columns three times": through(
        (4, 5, 6), (1, 4, 5, 1, 6), "TILE", [(1, 1, 1, 3, 1)], (1, 4, 5, 3, 6), (1, 4, 15, 6)
    ),
    "blocks to channels": through(
        (4, 6, 2),
        (1, 2, 2, 3, 2, 2),
        "TRANSPOSE",
        [(0, 1, 3, 2, 4, 5)],
        (1, 2, 3, 2, 2, 2),
        (1, 2, 3, 8),
    ),
    "sequence": through(
        (20, 6), (1, 20, 2, 3), "TRANSPOSE", [(0, 1, 3, 2)], (1, 20, 3, 2), (1, 20, 6)
    ),
    "half": through((4, 5, 6), (1, 20, 6), "REVERSE_V2", [(2,)], (1, 20, 6), (1, 4, 5, 6)),
}
# Rows of the image, in another order than whole ones.
KEPT = {
    "across rows": through(
        (4, 5, 6), (1, 3, 40), "TRANSPOSE", [(0, 2, 1)], (1, 40, 3), (1, 4, 5, 6)
    ),
}


@pytest.mark.parametrize("name", MODELS)
def test_it_is_one_move(name):
    fused = fuse_graph(read_graph(MODELS[name]))
    (op,) = fused.ops
    assert isinstance(op, Move)
    assert op.inputs == fused.inputs
    assert op.outputs == fused.outputs
    if fused.tensors[op.inputs[0]].rows[0] > 1:
        first, last = op.input_rows(fused, 0, 0, 1)
        assert last - first <= 2


@pytest.mark.parametrize("name", MODELS | KEPT)
def test_it_moves_the_same_bytes(name):
    """The loops, run in Python: a map from bytes of the output to bytes of the input."""
    graph = read_graph((MODELS | KEPT)[name])
    np.testing.assert_array_equal(origins(fuse_graph(graph)), origins(graph))


def test_loops_that_rows_are_in_the_way_of_stay():
    assert len(fuse_graph(read_graph(KEPT["across rows"])).ops) == 3


def origins(graph):
    """For each byte of the output, the byte of the input that it is a copy of."""
    size = graph.tensors[graph.inputs[0]].size
    known = {graph.inputs[0]: np.arange(size)}
    for op in graph.ops:
        values = known[op.inputs[0]]
        known[op.outputs[0]] = _move(graph, op, values) if isinstance(op, Move) else values
    return known[graph.outputs[0]]


def _move(graph, op, values):
    (part,) = op.parts
    row = int(np.prod(graph.tensors[op.inputs[0]].rows[1:]))
    out_row = int(np.prod(graph.tensors[op.outputs[0]].rows[1:]))
    places = np.array([[part.row * row + part.column, part.first * out_row + part.offset]])
    for levels, unit in ((part.rows, out_row), (part.levels, 1)):
        for level in levels:
            turns = np.arange(level.count)
            taken = turns if level.indices is None else np.array(level.indices)
            steps = np.stack(
                [taken * (level.row_step * row + level.step), turns * level.out_step * unit], 1
            )
            places = (places[:, None] + steps[None]).reshape(-1, 2)
    result = np.full(graph.tensors[op.outputs[0]].size, -1)
    result[places[:, 1]] = values[places[:, 0]]
    return result
