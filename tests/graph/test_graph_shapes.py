"""Sizes that a file leaves open."""

from __future__ import annotations

import pytest

from tinydeploy.graph.shapes import find_open_sizes
from tinydeploy.graph.tensor import Tensor
from tinydeploy.graph.tflite_file import Operator, TfliteFile


def shape_behind(builtin, source, shape, signature):
    """What becomes of the shape of an output."""
    tensors = (
        Tensor("x", source, "int8", None),
        Tensor("y", shape, "int8", None, signature=signature),
    )
    operators = (Operator(builtin, "", (0,), (1,), {}),)
    return find_open_sizes(TfliteFile(tensors, operators, (0,), (1,))).tensors[1].shape


@pytest.mark.parametrize(
    ("builtin", "source", "shape", "signature", "expected"),
    [
        ("RESHAPE", (1, 16, 8, 2, 12), (1, 1, 16, 12), (-1, -1, 16, 12), (1, 16, 16, 12)),
        ("RESHAPE", (1, 6), (1, 1), (1, -1), (1, 6)),
        ("RELU", (1, 5, 3), (1, 1, 3), (-1, -1, 3), (1, 5, 3)),
        # The batch alone is open: 1 is right.
        ("RESHAPE", (1, 6), (1, 2, 3), (-1, 2, 3), (1, 2, 3)),
        # Two sizes are open, or the elements cannot be divided: left as it is.
        ("RESHAPE", (1, 12), (1, 1, 1, 3), (-1, -1, -1, 3), (1, 1, 1, 3)),
        ("RESHAPE", (1, 7), (1, 1, 3), (-1, -1, 3), (1, 1, 3)),
        ("RESHAPE", (1, 7), (1, 1, 0), (-1, -1, 0), (1, 1, 0)),
        ("RELU", (1, 5), (1, 1, 3), (-1, -1, 3), (1, 1, 3)),
        ("CONV_2D", (1, 5, 5, 3), (1, 1, 1, 3), (-1, -1, -1, 3), (1, 1, 1, 3)),
    ],
)
def test_what_follows_is_found(builtin, source, shape, signature, expected):
    assert shape_behind(builtin, source, shape, signature) == expected
