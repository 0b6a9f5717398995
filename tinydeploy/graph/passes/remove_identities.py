"""Removing ops that copy their input.

Rules, for an op whose output has the shape of its input, wherever the output is no output of the
model:

1. QUANTIZE, RELU and the like whose table maps every value to itself;
2. PAD by nothing;
3. MAX_POOL_2D or AVERAGE_POOL_2D with a 1x1 window, stride 1 and no bounds;
4. CONCATENATION of one input.

The readers of the output read the input instead.
"""

from __future__ import annotations

from dataclasses import replace

import numpy as np

from tinydeploy.graph.fixed_point import INT8_MAX, INT8_MIN
from tinydeploy.graph.graph import Graph
from tinydeploy.graph.lookup_tables import VALUES
from tinydeploy.graph.op import Op
from tinydeploy.graph.ops.concatenation import Concatenation
from tinydeploy.graph.ops.lookup import Lookup
from tinydeploy.graph.ops.pad import Pad
from tinydeploy.graph.pooling import Pooling


def remove_identities(graph: Graph) -> Graph:
    """Applies the rules of this module; see there."""
    renamed: dict[int, int] = {}
    ops = []
    for op in graph.ops:
        op = replace(op, inputs=tuple(renamed.get(t, t) for t in op.inputs))
        if _copies(op) and op.outputs[0] not in graph.outputs:
            renamed[op.outputs[0]] = op.inputs[0]
        else:
            ops.append(op)
    return replace(graph, ops=tuple(ops)) if renamed else graph


def _copies(op: Op) -> bool:
    if isinstance(op, Lookup):  # rule 1
        return np.array_equal(op.table, VALUES)
    if isinstance(op, Pad):  # rule 2
        return not any(op.padding) and not any(op.channel_padding)
    if isinstance(op, Pooling):  # rule 3
        return (op.kernel, op.stride, op.low, op.high) == ((1, 1), (1, 1), INT8_MIN, INT8_MAX)
    return isinstance(op, Concatenation) and len(op.inputs) == 1  # rule 4
