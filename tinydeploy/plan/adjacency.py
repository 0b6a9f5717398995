"""Which rows should lie one behind the other, because a kernel takes them as one long row."""

from __future__ import annotations

from collections.abc import Sequence

from tinydeploy.graph.graph import Graph
from tinydeploy.graph.ops.conv_2d import Conv2D
from tinydeploy.plan.cost import MOST_WIDTH
from tinydeploy.plan.kernel import Kernel
from tinydeploy.plan.kernel_choice.conv_2d import GemmKernel
from tinydeploy.plan.net import Net


def find_joined(graph: Graph, net: Net, kernels: Sequence[Kernel]) -> frozenset[int]:
    """Stores whose rows, those of one call, are worth keeping together.

    A product of matrices widens its weights once for a chunk of pixels; chunks wider than a row are
    filled from several, if the output's rows are neighbours and, where pixels are read once each,
    the input's too.
    """
    joined: set[int] = set()
    for node, kernel in zip(net.nodes, kernels, strict=True):
        if not isinstance(kernel, GemmKernel):
            continue
        op = graph.ops[node.op]
        if not isinstance(op, Conv2D) or op.pool is not None:
            continue
        width = op.row_shape(graph)[1]
        if width <= MOST_WIDTH and kernel.pixels > width:
            joined.update(node.makes)
            if op.kernel == op.stride == (1, 1):
                joined.update(read.store for read in node.reads)
    return frozenset(joined)
