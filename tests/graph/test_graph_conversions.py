"""Float32 and uint8 ends: what is left computes the same int8 as the whole file."""

from __future__ import annotations

import numpy as np
import pytest
from builders import ModelBuilder
from litert import run_litert

from tinydeploy.errors import UnsupportedModelError
from tinydeploy.graph.conversions import cut_conversions
from tinydeploy.graph.read import read_graph

SCALE, ZERO = 0.05, -3


def model(first="float32", last="float32", *, read_twice=False, skip=False):
    """Conversion, convolution, conversion; int8 ends where None is asked for."""
    b = ModelBuilder(1)
    shape = (1, 6, 5, 3)
    scales = {"uint8": {"scales": [SCALE], "zero_points": [ZERO + 128]}, "float32": {}}
    if first is None:
        x = b.input(shape[1:], SCALE, ZERO)
    else:
        given = b.writer.add_tensor("given", shape, first, **scales[first])
        b.inputs.append(given)
        x = b.activation(shape, SCALE, ZERO)
        b.writer.add_op("QUANTIZE", [given], [x.id], {})
        if read_twice:
            b.writer.add_op("QUANTIZE", [given], [b.activation(shape, SCALE, ZERO).id], {})
    y = b.conv(x, 4)
    if last is None:
        return b.finish([y])
    scales["uint8"] = {"scales": [y.scale], "zero_points": [y.zero_point + 128]}
    result = b.writer.add_tensor("result", y.shape, last, **scales[last])
    b.writer.add_op("DEQUANTIZE" if last == "float32" else "QUANTIZE", [y.id], [result], {})
    outputs = [result, y.id] if skip else [result]
    return b.writer.finish(b.inputs, outputs)


def convert(values, dtype, scale, zero):
    """Real or uint8 values that an int8 stands for."""
    if dtype == "float32":
        return np.float32(scale) * (values.astype(np.float32) - np.float32(zero))
    return values if dtype is None else (values.astype(np.int16) + 128).astype(np.uint8)


@pytest.mark.parametrize("first", [None, "float32", "uint8"])
@pytest.mark.parametrize("last", [None, "float32", "uint8"])
def test_what_is_left_computes_the_same(first, last):
    whole = model(first, last)
    ends = cut_conversions(whole)
    assert len(ends.notes) == (first is not None) + (last is not None)
    graph = read_graph(ends.tflite)
    assert [op.kind for op in graph.ops] == ["CONV_2D"]
    values = np.random.default_rng(2).integers(-128, 128, (1, 6, 5, 3)).astype(np.int8)
    (inner,) = run_litert(ends.tflite, [values])
    (outer,) = run_litert(whole, [convert(values, first, SCALE, ZERO)])
    scale, zero = graph.tensors[graph.outputs[0]].affine
    np.testing.assert_array_equal(outer, convert(inner, last, scale, zero))


def test_a_file_of_int8_stays_as_it_is():
    whole = model(None, None)
    assert cut_conversions(whole).tflite is whole


def test_an_input_that_others_read_stays_float():
    ends = cut_conversions(model(read_twice=True, last=None))
    assert ends.notes == ()
    with pytest.raises(UnsupportedModelError, match="float32"):
        read_graph(ends.tflite)


def test_an_output_before_the_conversion_stays():
    ends = cut_conversions(model(None, skip=True))
    assert ends.notes == ()
