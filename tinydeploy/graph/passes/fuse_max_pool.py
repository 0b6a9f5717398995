"""Running a max-pool in the layer of the convolution in front of it.

Rule, for a convolution whose output only a MAX_POOL_2D reads and is no output of the model:

1. Where the pool's windows do not overlap in rows (kernel height <= stride height), the convolution
   takes the pool on: it makes its rows under one pooled row, pools them and forgets them. Every row
   is still made at most once. Grouped and transposed convolutions do not.

The pool's bounds stay its own.
"""

from __future__ import annotations

from dataclasses import replace

from tinydeploy.graph.convolution import Convolution
from tinydeploy.graph.graph import Graph
from tinydeploy.graph.op import Op
from tinydeploy.graph.ops.max_pool_2d import MaxPool2D
from tinydeploy.graph.passes.graph_pass import Uses, replace_ops


def fuse_max_pool(graph: Graph) -> Graph:
    """Applies the rule of this module; see there."""
    uses = Uses(graph)
    positions = {id(op): position for position, op in enumerate(graph.ops)}
    replacements: dict[int, Op | None] = {}
    for position, pool in enumerate(graph.ops):
        if not isinstance(pool, MaxPool2D) or pool.kernel[0] > pool.stride[0]:
            continue
        convolution = uses.writer(pool.inputs[0])
        if not isinstance(convolution, Convolution) or not uses.is_private(pool.inputs[0]):
            continue
        if convolution.pool is None and convolution.takes_pool:  # rule 1
            replacements[positions[id(convolution)]] = None
            replacements[position] = replace(convolution, pool=pool, outputs=pool.outputs)
    return replace_ops(graph, replacements)
