"""ONNX nodes whose value does not depend on the input: shape arithmetic, and work on weights."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np
from numpy.typing import NDArray

from tinydeploy.quantize.onnx_reader import Node, Reader, UnsupportedNodeError

MAX_CONSTANT = 1 << 28  # elements; more than that is no weight of a small network

FOLDED = frozenset(
    (
        *(
            "Constant",
            "ConstantOfShape",
            "Identity",
            "Cast",
            "Shape",
            "Reshape",
            "Flatten",
            "Slice",
        ),
        *("Squeeze", "Unsqueeze", "Transpose", "Concat", "Gather", "Expand", "Range", "Where"),
        *("Add", "Sub", "Mul", "Div", "Neg", "Sqrt", "Pow", "Floor", "Equal", "ReduceProd"),
    )
)


def is_constant(node: Node, reader: Reader) -> bool:
    """Whether a node's value is known: arithmetic on constants, or an activation's shape."""
    if node.op == "Shape":
        return True
    return node.op in FOLDED and all(i in reader.constants or not i for i in node.inputs)


def fold_constant(node: Node, reader: Reader) -> None:
    """Adds a constant node's value to what is known.

    Raises:
        UnsupportedNodeError: It cannot be computed, or is absurdly large.
    """
    if node.op == "Shape":
        name = node.inputs[0]
        known = reader.constants.get(name)
        shape = reader.sources[name].shape if known is None else known.shape
        start, end = node.attributes.get("start", 0), node.attributes.get("end")
        reader.constants[node.output] = np.array(shape[slice(start, end)], np.int64)
        return
    from onnx.reference import ReferenceEvaluator

    feeds = {name: reader.constants[name] for name in node.inputs if name}
    if _estimate_size(node, feeds) > MAX_CONSTANT:
        raise UnsupportedNodeError("its constant value is larger than any network's weights")
    try:
        values = ReferenceEvaluator(node.raw).run(None, feeds)
    except Exception as error:  # the evaluator raises whatever numpy does on a node's values
        raise UnsupportedNodeError(f"its constant value cannot be computed: {error}") from error
    for name, value in zip(node.outputs, values, strict=False):
        reader.constants[name] = np.asarray(value)
        if reader.constants[name].dtype.kind == "c":
            raise UnsupportedNodeError("its constant value is complex")


def _estimate_size(node: Node, feeds: Mapping[str, NDArray[Any]]) -> float:
    """Elements of a folded constant, for operators that make much of little."""
    values = [value.astype(np.float64) for value in feeds.values() if value.dtype.kind in "iuf"]
    if node.op in ("ConstantOfShape", "Expand") and values:
        return float(np.prod(values[-1]))
    if node.op == "Range" and len(values) == 3 and values[2].all():
        return float(np.abs((values[1] - values[0]) / values[2]).max())
    shapes = [value.shape for value in feeds.values()]
    if node.op == "Gather":
        return float(np.prod([float(np.prod(shape)) for shape in shapes]))
    try:
        return float(np.prod(np.broadcast_shapes(*shapes)))
    except ValueError:  # not an operator that broadcasts, or one that will fail
        return 0.0
