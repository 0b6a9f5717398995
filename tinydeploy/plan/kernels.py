"""How much scratch each op's kernel needs; firmware/include/td_kernels.h states the same."""

from __future__ import annotations

from tinydeploy.graph.convolution import Convolution
from tinydeploy.graph.graph import Graph
from tinydeploy.graph.op import Op
from tinydeploy.graph.ops.mean import Mean


def scratch_bytes(op: Op, graph: Graph) -> int:
    """Bytes of working memory of one op while it runs, aligned to 4 by whoever places it.

    Args:
        op: An op of `graph`.
        graph: The graph.

    Returns:
        Bytes; 0 for most ops.
    """
    if isinstance(op, Convolution) and op.pool is not None:
        _, width, channels = op.row_shape(graph)
        return width * channels
    if isinstance(op, Mean):
        _, _, channels = graph.tensors[op.inputs[0]].rows
        return 4 * channels
    return 0
