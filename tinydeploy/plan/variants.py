"""The kernels that an op may run with: more scratch, fewer instructions.

A schedule decides how many rows a call has and how much room is left for scratch; it takes the
fastest variant that fits.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from functools import cache, partial

from tinydeploy.board import Board
from tinydeploy.graph.graph import Graph
from tinydeploy.graph.op import Op
from tinydeploy.graph.ops.conv_2d import Conv2D
from tinydeploy.graph.ops.depthwise_conv_2d import DepthwiseConv2D
from tinydeploy.graph.ops.expanded_depthwise_conv_2d import ExpandedDepthwiseConv2D
from tinydeploy.graph.ops.fully_connected import FullyConnected
from tinydeploy.plan.alias import renames
from tinydeploy.plan.chunks import list_chunks
from tinydeploy.plan.cost import call_instructions
from tinydeploy.plan.kernel import Kernel, Optimize
from tinydeploy.plan.kernel_choice import (
    depthwise_conv_2d,
    expanded_depthwise_conv_2d,
    fully_connected,
)
from tinydeploy.plan.kernel_choice.conv_2d_pair import list_pairs
from tinydeploy.plan.kernel_choice.fully_connected import PackedKernel
from tinydeploy.plan.kernels import choose_kernel
from tinydeploy.plan.overlay import find_overlays


@dataclass(frozen=True, eq=False)
class Variant:
    """A kernel, and the estimated instructions of a call by its number of rows."""

    kernel: Kernel
    cost: Callable[[int], int]


def list_variants(
    graph: Graph, board: Board | None, optimize: Optimize = "balanced"
) -> Mapping[int, tuple[Variant, ...]]:
    """Variants of every op that computes something, by position in Graph.ops.

    Args:
        graph: A verified graph.
        board: The board, whose core decides which kernels are fast; None for portable ones alone.
        optimize: What to prefer.

    Returns:
        At least one variant for each, of ascending scratch; either all of an op's accumulate or
        none.
    """
    return {
        position: variants_of(op, graph, board, optimize)
        for position, op in enumerate(graph.ops)
        if not renames(op)
    }


def variants_of(
    op: Op, graph: Graph, board: Board | None, optimize: Optimize
) -> tuple[Variant, ...]:
    """Variants of one op; arguments and result as of `list_variants`."""
    kernels = sorted(_list_kernels(op, graph, board, optimize), key=lambda k: k.scratch_bytes)
    over = [k for k in kernels if any(find_overlays(graph, op, k))]
    row_bytes = graph.tensors[op.outputs[0]].row_bytes
    # A row that needs no place of its own is worth as much scratch.
    if over and over[0].scratch_bytes <= kernels[0].scratch_bytes + row_bytes:
        kernels = over
    return tuple(Variant(k, cache(partial(call_instructions, graph, op, k))) for k in kernels)


def _list_kernels(op: Op, graph: Graph, board: Board | None, optimize: Optimize) -> list[Kernel]:
    """Every kernel worth trying: what runs as fast as it can, what needs less scratch."""
    if isinstance(op, ExpandedDepthwiseConv2D) and board is not None:
        return [*expanded_depthwise_conv_2d.list_kernels(op, graph, board, optimize)]
    kernels = [choose_kernel(op, graph, board, optimize)]
    if board is not None and optimize != "flash":
        if isinstance(op, Conv2D):
            kernels += list_chunks(op, graph, board, optimize)
            kernels += list_pairs(op, graph) if optimize == "ram" else []
        elif isinstance(op, DepthwiseConv2D):
            kernels += depthwise_conv_2d.list_kernels(op, graph, board, optimize)
    if isinstance(op, FullyConnected) and isinstance(kernels[0], PackedKernel):
        kernels += fully_connected.list_kernels(op, kernels[0])
    return kernels
