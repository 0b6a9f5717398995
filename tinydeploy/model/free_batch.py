"""Makes the batch dimension of an ONNX graph free where the export has pinned it."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np
import onnx
from numpy.typing import NDArray
from onnx import helper, numpy_helper

_BATCH = "n"


def free_batch(graph: onnx.GraphProto, value: onnx.ValueInfoProto, batch: int) -> None:
    """Changes a graph.

    The input's and the outputs' shapes say that the batch is free, those of other tensors are left
    out. A constant shape that begins with the batch's size is taken from the activation instead:
    a Reshape copies it, 0 means that in ONNX; a Resize gets its size computed.

    Args:
        graph: Of a whole model.
        value: Its input.
        batch: The size of the batch that was exported.
    """
    value.type.tensor_type.shape.dim[0].dim_param = _BATCH
    for output in graph.output:
        dims = output.type.tensor_type.shape.dim
        if dims and dims[0].dim_value == batch:
            dims[0].dim_param = _BATCH
    graph.ClearField("value_info")
    constants = {tensor.name: tensor for tensor in graph.initializer}
    for node in graph.node:
        if node.op_type == "Constant" and node.attribute and node.attribute[0].name == "value":
            constants[node.output[0]] = node.attribute[0].t
    nodes: list[onnx.NodeProto] = []
    for node in graph.node:
        place = {"Reshape": 1, "Resize": 3}.get(node.op_type, 0)
        if 0 < place == len(node.input) - 1 and node.input[0] not in constants:
            constant = constants.get(node.input[place])
            shape = None if constant is None else numpy_helper.to_array(constant)
            if shape is not None and _begins_with(shape, batch, node):
                copying = _copy_batch if node.op_type == "Reshape" else _measure_batch
                nodes += copying(node, shape)
        nodes.append(node)
    # Nodes and not initializers, which early versions of ONNX want among the inputs too.
    graph.ClearField("node")
    graph.node.extend(nodes)


def _begins_with(shape: NDArray[np.generic], batch: int, node: onnx.NodeProto) -> bool:
    given = {attribute.name: attribute for attribute in node.attribute}
    if "axes" in given:  # of a Resize: not all of them
        return False
    empty = "allowzero" in given and given["allowzero"].i and (shape == 0).any()
    return shape.ndim == 1 and len(shape) > 0 and shape[0] == batch and not empty


def _copy_batch(node: onnx.NodeProto, shape: NDArray[np.generic]) -> Iterator[onnx.NodeProto]:
    """Gives a Reshape a shape of its own with 0 in front; the node that makes it."""
    kept = [attribute for attribute in node.attribute if attribute.name != "allowzero"]
    node.ClearField("attribute")
    node.attribute.extend(kept)
    node.input[1] = f"{node.output[0]}/shape with a free batch"
    yield _constant(node.input[1], [0, *shape[1:]])


def _measure_batch(node: onnx.NodeProto, sizes: NDArray[np.generic]) -> Iterator[onnx.NodeProto]:
    """Gives a Resize sizes whose first is the activation's; the nodes that make them."""
    name = f"{node.output[0]}/sizes with a free batch"
    shape, first, batch, rest = (f"{name}/{part}" for part in ("shape", "first", "batch", "rest"))
    node.input[3] = name
    yield helper.make_node("Shape", [node.input[0]], [shape])
    yield _constant(first, [0])
    yield helper.make_node("Gather", [shape, first], [batch], axis=0)
    yield _constant(rest, list(sizes[1:]))
    yield helper.make_node("Concat", [batch, rest], [name], axis=0)


def _constant(name: str, values: list[int]) -> onnx.NodeProto:
    value = numpy_helper.from_array(np.array(values, np.int64), name)
    return helper.make_node("Constant", [], [name], value=value)
