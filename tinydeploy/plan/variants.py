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
from tinydeploy.plan.alias import renames
from tinydeploy.plan.chunks import list_chunks
from tinydeploy.plan.cost import call_instructions
from tinydeploy.plan.kernel import Kernel, Optimize
from tinydeploy.plan.kernel_choice.depthwise_conv_2d import list_kernels
from tinydeploy.plan.kernels import choose_kernel, portable_kernel


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
        position: _variants_of(op, graph, board, optimize)
        for position, op in enumerate(graph.ops)
        if not renames(op)
    }


def _variants_of(
    op: Op, graph: Graph, board: Board | None, optimize: Optimize
) -> tuple[Variant, ...]:
    kernels = sorted(_list_kernels(op, graph, board, optimize), key=lambda k: k.scratch_bytes)
    return tuple(Variant(k, cache(partial(call_instructions, graph, op, k))) for k in kernels)


def _list_kernels(op: Op, graph: Graph, board: Board | None, optimize: Optimize) -> list[Kernel]:
    """Every kernel worth trying: what runs as fast as it can, what needs less scratch."""
    kernels = [choose_kernel(op, graph, board, optimize)]
    if board is not None and optimize != "flash":
        if isinstance(op, Conv2D):
            kernels += list_chunks(op, graph, board, optimize)
        elif isinstance(op, DepthwiseConv2D):
            kernels += list_kernels(op, graph, board, optimize)
        if not kernels[0].accumulates:
            kernels.append(portable_kernel(op, graph))
    return kernels
