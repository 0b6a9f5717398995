"""Real models: known totals, and every tensor against the reference."""

from __future__ import annotations

import numpy as np
import pytest
from builders import random_inputs
from execute import execute_graph

from tinydeploy.errors import UnsupportedModelError
from tinydeploy.graph.passes import fuse_graph
from tinydeploy.graph.read import read_graph
from tinydeploy.graph.text import format_graph
from tinydeploy.validate.reference import run_reference

# File, MACs, ops as read, ops fused.
MODELS = [
    ("mlperf_tiny_vww_int8", 7_489_664, 31, 31),
    ("mlperf_tiny_ic_int8", 12_501_632, 16, 16),
    ("mlperf_tiny_kws_int8", 2_656_768, 13, 13),
    ("mlperf_tiny_ad_int8", 264_192, 10, 10),
    ("person_detect_int8", 7_157_888, 31, 31),
    ("hello_world_int8", 288, 3, 3),
    ("etinynet_1.0_224_int8", 113_705_920, 89, 55),
]


@pytest.mark.parametrize(("name", "macs", "read", "fused"), MODELS)
def test_totals(shared_data, name, macs, read, fused):
    graph = read_graph(shared_data / "models" / f"{name}.tflite")
    assert (graph.macs, len(graph.ops)) == (macs, read)
    after = fuse_graph(graph)
    assert (after.macs, len(after.ops), after.parameters) == (macs, fused, graph.parameters)


@pytest.mark.parametrize("name", [model[0] for model in MODELS])
def test_every_tensor_equals_the_reference(shared_data, name):
    model = (shared_data / "models" / f"{name}.tflite").read_bytes()
    graph = read_graph(model)
    inputs = random_inputs(model, 1, seed=4)
    reference = run_reference(model, inputs, intermediates=True)
    vector = [values[0] for values in inputs]
    values = execute_graph(graph, vector)
    assert set(values) == set(graph.stored) <= set(reference.tensors)
    for tensor, value in values.items():
        np.testing.assert_array_equal(value.ravel(), reference.tensors[tensor].ravel())
    for tensor, value in execute_graph(fuse_graph(graph), vector).items():
        np.testing.assert_array_equal(value, values[tensor])


def test_float_model(shared_data):
    with pytest.raises(UnsupportedModelError, match="the model is float32, not int8"):
        read_graph(shared_data / "models" / "mlperf_tiny_vww_float.tflite")


def test_text_is_stable(shared_data):
    path = shared_data / "models" / "mlperf_tiny_vww_int8.tflite"
    text = format_graph(read_graph(path))
    assert text == format_graph(read_graph(path))
    assert text.startswith("mlperf_tiny_vww_int8: 31 ops, 7,489,664 MACs, 210,850 parameters\n")
