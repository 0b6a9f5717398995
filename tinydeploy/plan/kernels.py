"""Which kernel runs each op.

For every op there is a portable kernel, firmware/kernels/<op>_s8.c. What runs faster on a core is
chosen by a module of its own for each op, tinydeploy/plan/kernel_choice/<op>.py, whose one public
function is `choose_kernel(op, graph, board, optimize) -> Kernel | None`; None: the portable one.
"""

from __future__ import annotations

import importlib
from collections.abc import Mapping
from typing import cast

from tinydeploy.board import Board
from tinydeploy.graph.convolution import Convolution
from tinydeploy.graph.graph import Graph
from tinydeploy.graph.op import Op
from tinydeploy.graph.ops.average_pool_2d import AveragePool2D
from tinydeploy.graph.ops.mean import Mean
from tinydeploy.plan.alias import renames
from tinydeploy.plan.kernel import Kernel, Optimize


def choose_kernels(
    graph: Graph, board: Board | None, optimize: Optimize = "balanced"
) -> Mapping[int, Kernel]:
    """Chooses a kernel for every op that computes something.

    Args:
        graph: A verified graph.
        board: The board, whose core decides which kernel is fast; None for portable ones alone.
        optimize: What to prefer.

    Returns:
        Kernels by position in Graph.ops. Equal arguments, equal kernels.
    """
    return {
        position: choose_kernel(op, graph, board, optimize)
        for position, op in enumerate(graph.ops)
        if not renames(op)
    }


def choose_kernel(op: Op, graph: Graph, board: Board | None, optimize: Optimize) -> Kernel:
    """Chooses a kernel for one op; arguments as for `choose_kernels`."""
    fast = _choose_fast(op, graph, board, optimize) if board else None
    return fast or portable_kernel(op, graph)


def portable_kernel(op: Op, graph: Graph) -> Kernel:
    """The kernel in plain C that every op has; td_kernels.h states its scratch."""
    if isinstance(op, Mean) or (isinstance(op, AveragePool2D) and op.covers_input(graph)):
        _, _, channels = graph.tensors[op.inputs[0]].rows
        stem = "mean_s8" if isinstance(op, Mean) else "average_pool_2d_global_s8"
        return Kernel(stem, 4 * channels, accumulates=True)
    return Kernel(op.portable_kernel, _portable_scratch(op, graph))


def _choose_fast(op: Op, graph: Graph, board: Board, optimize: Optimize) -> Kernel | None:
    name = f"tinydeploy.plan.kernel_choice.{op.stem}"
    try:
        module = importlib.import_module(name)
    except ModuleNotFoundError as error:
        if error.name != name:
            raise
        return None
    return cast(Kernel | None, module.choose_kernel(op, graph, board, optimize))


def _portable_scratch(op: Op, graph: Graph) -> int:
    if isinstance(op, Convolution) and op.pool is not None:
        _, width, channels = op.row_shape(graph)
        return width * channels
    return 0
