"""Ranges name the layer that a tensor belongs to, and count each of its values once."""

from __future__ import annotations

import numpy as np

from tests.model_builder import ModelBuilder
from tinydeploy.board import load_board
from tinydeploy.graph.passes import fuse_graph
from tinydeploy.graph.read import read_graph
from tinydeploy.plan.memory import plan_memory
from tinydeploy.report.layer_memory import find_makers
from tinydeploy.report.ranges import list_ranges
from tinydeploy.validate.tensor_use import measure_use


def test_ranges() -> None:
    b = ModelBuilder()
    x = b.pad(b.input((8, 8, 3)), (1, 1, 1, 1))
    x = b.conv(x, 4, padding="VALID")
    x = b.maximum(x, b.channel_constant(x))  # becomes part of the convolution
    tflite = b.finish([b.fully_connected(b.mean(x), 5)])
    graph = fuse_graph(read_graph(tflite, "net"))
    makers = find_makers(graph, plan_memory(graph, load_board("stm32h743")))
    inputs = np.random.default_rng(0).integers(-128, 128, (3, 1, 8, 8, 3), np.int8)
    ranges = list_ranges(graph, makers, tflite, measure_use(tflite, [inputs]))
    assert ranges[0].layer == -1
    layers = {op.kind: position for position, op in enumerate(graph.ops)}
    weights = [(r.layer, sum(r.histogram)) for r in ranges if r.weights]
    conv, dense = layers["CONV_2D"], layers["FULLY_CONNECTED"]
    assert weights == [(conv, 4 * 3 * 3 * 3), (conv, 4), (dense, 4 * 5)]
    outputs = {r.layer: r for r in ranges if not r.weights}
    assert set(outputs) == {-1, *layers.values()}
    for position, op in enumerate(graph.ops):
        found, tensor = outputs[position], graph.tensors[op.outputs[0]]
        assert sum(found.histogram) == 3 * tensor.size
        assert (found.scale, found.zero_point) == tensor.affine
        assert found.low is not None
        assert found.high is not None
        seen = [k for k, count in enumerate(found.histogram) if count]
        assert (seen[0], seen[-1]) == ((found.low + 128) // 4, (found.high + 128) // 4)
    assert outputs[-1].histogram == ()
    without = list_ranges(graph, makers, tflite, ())
    assert all(r.low is None and not r.histogram for r in without if not r.weights)
    assert [r for r in without if r.weights] == [r for r in ranges if r.weights]
