"""Proves what check.py takes for granted of layers that compute expansions again.

It counts pixel rows by the windows of the depthwise convolutions alone, and shares no code with the
planner. That the rows of the narrow tensors are there when they are read, and that nothing lies in
the scratch, is for the replay.
"""

from __future__ import annotations

from typing import NoReturn

from tinydeploy.errors import InternalError
from tinydeploy.graph.graph import Graph
from tinydeploy.graph.ops.depthwise_conv_2d import DepthwiseConv2D
from tinydeploy.graph.ops.expanded_depthwise_conv_2d import ExpandedDepthwiseConv2D
from tinydeploy.plan.kernel_choice.expanded_depthwise_conv_2d import TiledKernel
from tinydeploy.plan.plan import Plan, Step


def check_recomputation(original: Graph, graph: Graph, plan: Plan, share: float) -> None:
    """Checks the layers that compute expansions again, and their multiplications.

    Checked: the layers are those of the original graph in the same order, two of them sometimes
    one; what lies between such two has one reader and is no end of the model; calls are said to
    read the rows under their windows; tiles have room for them, and the scratch for tiles and both
    kernels; all MACs that calls execute are within the share.

    Args:
        original: The graph in which every expansion is stored.
        graph: The graph that is planned.
        plan: Its plan.
        share: Most MACs beyond those of the original graph, relative to them.

    Raises:
        InternalError: One of these does not hold; the message says which.
    """
    _check_members(original, graph)
    extra = 0
    for position, op in enumerate(graph.ops):
        if isinstance(op, ExpandedDepthwiseConv2D):
            steps = [step for step in plan.steps if step.op == position]
            rows = sum(_count_rows(graph, op, plan, step) for step in steps)
            height, width, depth = graph.tensors[op.expansion.inputs[0]].rows
            _, _, channels = graph.tensors[op.expansion.outputs[0]].rows
            extra += (rows - height) * width * depth * channels
    if extra > share * original.macs:
        _fail(graph, f"{extra} MACs are executed again, more than {share:.2%} of {original.macs}")


def _check_members(original: Graph, graph: Graph) -> None:
    """Every op of the original is there once, where its results are needed."""
    members = [member for op in graph.ops for member in op.members]
    if len(members) != len(original.ops) or {*map(id, members)} != {*map(id, original.ops)}:
        _fail(graph, "its layers are not made of those of the model")
    if [id(op.members[-1]) for op in graph.ops] != [
        id(op) for op in original.ops if op.outputs[0] in graph.stored
    ]:
        _fail(graph, "its layers are not in the order of the model")
    for tensor in {*original.stored} - {*graph.stored}:
        readers = [op for op in original.ops if tensor in op.inputs]
        if len(readers) != 1 or tensor in (*original.inputs, *original.outputs):
            _fail(graph, f"tensor {tensor} is not stored and somebody else needs it")
        if not isinstance(readers[0], DepthwiseConv2D):
            _fail(graph, f"tensor {tensor} is not stored and no depthwise convolution reads it")


def _count_rows(graph: Graph, op: ExpandedDepthwiseConv2D, plan: Plan, step: Step) -> int:
    """Rows of the expansion that a step computes."""
    kernel = plan.kernels[step.op]
    if not isinstance(kernel, TiledKernel) or kernel.band < 1:
        _fail(graph, f"op {step.op} has no kernel for tiles")
    height, width, _ = graph.tensors[op.expansion.outputs[0]].rows
    _, _, channels = graph.tensors[op.outputs[0]].rows
    if kernel.channels < 1 or kernel.channels % 4 or channels % kernel.channels:
        _fail(graph, f"{channels} channels of op {step.op} are no tiles of {kernel.channels}")
    needed = kernel.tile_bytes + max(kernel.expansion.scratch_bytes, kernel.depthwise.scratch_bytes)
    if kernel.tile_bytes % 4 or kernel.scratch_bytes < needed:
        _fail(graph, f"the scratch of op {step.op} has no room for tiles and kernels: {needed}")
    total = 0
    seen: set[int] = set()
    for first in range(step.first, step.last, kernel.band):
        rows = _rows_under(op, height, range(first, min(first + kernel.band, step.last)))
        # A tile has all rows from the first to the last.
        count = max(rows) - min(rows) + 1 if rows else 0
        if count * width * kernel.channels > kernel.tile_bytes:
            _fail(graph, f"{count} rows of op {step.op} do not fit in a tile")
        total += count
        seen |= rows
    begin, end = op.input_rows(graph, 0, step.first, step.last)
    if not seen <= {*range(begin, end)}:
        _fail(graph, f"op {step.op} reads other rows of its input than it says")
    return total


def _rows_under(op: ExpandedDepthwiseConv2D, height: int, outputs: range) -> set[int]:
    """Rows of the expansion, and so of the narrow tensor, under the windows of output rows."""
    window = op.depthwise
    return {
        row
        for output in outputs
        for tap in range(window.kernel[0])
        if (row := output * window.stride[0] - window.padding[0] + tap * window.dilation[0]) >= 0
        and row < height
    }


def _fail(graph: Graph, what: str) -> NoReturn:
    raise InternalError(f"the memory plan of {graph.name} is wrong: {what}")
