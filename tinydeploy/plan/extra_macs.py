"""Multiply-accumulates that a schedule executes beside those of the model: rows computed again."""

from __future__ import annotations

from collections.abc import Iterable, Mapping

from tinydeploy.graph.graph import Graph
from tinydeploy.graph.ops.expanded_depthwise_conv_2d import ExpandedDepthwiseConv2D
from tinydeploy.plan.calls import read_rows
from tinydeploy.plan.kernel import Kernel
from tinydeploy.plan.kernel_choice.expanded_depthwise_conv_2d import TiledKernel
from tinydeploy.plan.plan import Step


def count_extra_macs(graph: Graph, kernels: Mapping[int, Kernel], calls: Iterable[Step]) -> int:
    """MACs of an inference beyond `graph.macs`; below 0 where no window reads some rows.

    Args:
        graph: The graph.
        kernels: By position in Graph.ops.
        calls: All calls of an inference.
    """
    extra = 0
    for op in graph.ops:
        if isinstance(op, ExpandedDepthwiseConv2D):
            extra -= op.expansion.macs(graph)
    for call in calls:
        op, kernel = graph.ops[call.op], kernels[call.op]
        if not isinstance(op, ExpandedDepthwiseConv2D) or not isinstance(kernel, TiledKernel):
            continue
        height = graph.tensors[op.inputs[0]].rows[0]
        for first in range(call.first, call.last, kernel.band):
            last = min(first + kernel.band, call.last)
            begin, end = read_rows(graph, op, kernel, 0, first, last)
            extra += (end - begin) * (op.expansion.macs(graph) // height)
    return extra
