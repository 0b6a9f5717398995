"""Dilated convolutions written as convolutions of phases: read as what they stand for."""

from __future__ import annotations

import numpy as np
import pytest
from builders import ModelBuilder, random_inputs
from execute import execute_graph
from litert import run_litert

from tinydeploy.errors import UnsupportedModelError
from tinydeploy.graph.read import read_graph


def image_model(builtin, block, pads, crops=((0, 0), (0, 0)), *, extra=False):
    """SPACE_TO_BATCH_ND, a convolution of 3x3 pixels, BATCH_TO_SPACE_ND."""
    b = ModelBuilder(1)
    x = b.input((8, 6, 3))
    sizes = [n + sum(p) for n, p in zip((8, 6), pads, strict=True)]
    phases = block[0] * block[1]
    small = [n // k for n, k in zip(sizes, block, strict=True)]
    cut = b.activation((phases, *small, 3), x.scale, x.zero_point)
    amounts = [b.constant(np.array(values, np.int32)) for values in (block, pads, crops)]
    b.writer.add_op("SPACE_TO_BATCH_ND", [x.id, *amounts[:2]], [cut.id], {})
    y = (
        b.conv(cut, 5, padding="VALID", activation="RELU")
        if builtin == "CONV_2D"
        else b.depthwise(cut, 2, padding="VALID")
    )
    size = [(n - 2) * k - sum(c) for n, k, c in zip(small, block, crops, strict=True)]
    out = b.activation((1, *size, y.shape[3]), y.scale, y.zero_point)
    b.writer.add_op("BATCH_TO_SPACE_ND", [y.id, amounts[0], amounts[2]], [out.id], {})
    return b.finish([out, y] if extra else [out])


def sequence_model(block, before, after):
    """The same for a sequence, which is a row of pixels for the convolution alone."""
    b = ModelBuilder(2)
    x = b.input((12, 3))
    small = (12 + before + after) // block
    cut = b.activation((block, small, 3), x.scale, x.zero_point)
    blocks, pads = (b.constant(np.array(v, np.int32)) for v in ([block], [[before, after]]))
    b.writer.add_op("SPACE_TO_BATCH_ND", [x.id, blocks, pads], [cut.id], {})
    image = b.activation((block, 1, small, 3), x.scale, x.zero_point)
    axis = b.constant(np.array(1, np.int32))
    b.writer.add_op("EXPAND_DIMS", [cut.id, axis], [image.id], {})
    y = b.conv(image, 4, (1, 3), padding="VALID")
    flat = b.activation((block, small - 2, 4), y.scale, y.zero_point)
    b.writer.add_op("SQUEEZE", [y.id], [flat.id], {"SqueezeDims": [1]})
    out = b.activation((1, (small - 2) * block, 4), y.scale, y.zero_point)
    crops = b.constant(np.zeros((1, 2), np.int32))
    b.writer.add_op("BATCH_TO_SPACE_ND", [flat.id, blocks, crops], [out.id], {})
    return b.finish([out])


MODELS = {
    "valid": image_model("CONV_2D", (2, 3), ((0, 0), (0, 3))),
    "same": image_model("CONV_2D", (2, 2), ((2, 2), (2, 2))),
    "depthwise": image_model("DEPTHWISE_CONV_2D", (2, 2), ((2, 2), (2, 2))),
    "cropped": image_model("CONV_2D", (3, 2), ((3, 4), (2, 2)), ((0, 1), (1, 0))),
    "sequence": sequence_model(2, 0, 0),
    "causal sequence": sequence_model(4, 8, 0),
}


@pytest.mark.parametrize("name", MODELS)
def test_it_is_one_convolution(name):
    graph = read_graph(MODELS[name])
    assert len(graph.ops) == 1
    for vector in zip(*random_inputs(MODELS[name], 3), strict=True):
        (expected,) = run_litert(MODELS[name], vector)
        np.testing.assert_array_equal(execute_graph(graph, vector)[graph.outputs[0]], expected)


def test_phases_that_others_read_are_refused():
    with pytest.raises(UnsupportedModelError, match="SPACE_TO_BATCH_ND"):
        read_graph(image_model("CONV_2D", (2, 2), ((2, 2), (2, 2)), extra=True))


def test_crops_beyond_the_padding_are_refused():
    with pytest.raises(UnsupportedModelError, match="SPACE_TO_BATCH_ND"):
        read_graph(image_model("CONV_2D", (2, 2), ((0, 2), (2, 2)), ((1, 0), (0, 0))))
