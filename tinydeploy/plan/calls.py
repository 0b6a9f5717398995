"""What one call of a layer reads and makes, in rows."""

from __future__ import annotations

from tinydeploy.graph.graph import Graph
from tinydeploy.graph.op import Op
from tinydeploy.plan.kernel import Kernel


def call_rows(graph: Graph, op: Op, kernel: Kernel) -> int:
    """Rows that calls run over: those of the output, or of the input if the kernel accumulates."""
    return graph.tensors[op.inputs[0] if kernel.accumulates else op.outputs[0]].rows[0]


def made_rows(graph: Graph, op: Op, kernel: Kernel, first: int, last: int) -> tuple[int, int]:
    """Rows of the outputs that are complete after the call for [first, last), half-open."""
    if kernel.accumulates:
        return (0, 1) if last == call_rows(graph, op, kernel) else (0, 0)
    return first, last


def read_rows(
    graph: Graph, op: Op, kernel: Kernel, which: int, first: int, last: int
) -> tuple[int, int]:
    """Rows of input `which` that the call for [first, last) reads, half-open, without padding."""
    if kernel.accumulates:
        return first, last
    height = graph.tensors[op.inputs[which]].rows[0]
    begin, end = op.input_rows(graph, which, first, last)
    begin, end = max(begin, 0), min(end, height)
    return (begin, end) if begin < end else (0, 0)
