"""Which operands kernels of two inputs can take run by run."""

from __future__ import annotations

import numpy as np

from tinydeploy.graph.elementwise import Elementwise
from tinydeploy.graph.graph import Graph


def channels_side_by_side(op: Elementwise, graph: Graph) -> bool:
    """Whether the first operand is whole and the second one has a byte for each channel."""
    output = graph.tensors[op.outputs[0]].rows
    whole = graph.tensors[op.inputs[0]].rows == output
    if op.constant is not None:
        # A constant of one value becomes a single byte.
        return whole and bool(np.any(op.constant != op.constant.ravel()[0]))
    return whole and graph.tensors[op.inputs[1]].rows[2] == output[2]
