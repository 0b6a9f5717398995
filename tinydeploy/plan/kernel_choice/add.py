"""ADD and SUB: the core loops of td_linear_sum.h where they are provably exact, else tables."""

from __future__ import annotations

from dataclasses import dataclass

from tinydeploy.board import Board
from tinydeploy.graph.graph import Graph
from tinydeploy.graph.scaled_sum import ScaledSum
from tinydeploy.plan.kernel import Kernel, Optimize
from tinydeploy.plan.kernel_choice.operands import channels_side_by_side
from tinydeploy.plan.linear_sum import LinearSum, fit_linear_sum


@dataclass(frozen=True, kw_only=True)
class LinearSumKernel(Kernel):
    """td_add_linear_s8; `linear` are its numbers."""

    linear: LinearSum


# Tables take 2 KB of flash and save about 60 instructions per element.
_LEAST_ELEMENTS = 1024
_LEAST_SHIFT = -22  # zero point * 2^22 + 2^21 is below 2^30


def choose_kernel(op: ScaledSum, graph: Graph, board: Board, optimize: Optimize) -> Kernel | None:
    """Chooses the linear kernel; tables where that is not exact, and the tensor is worth them."""
    if not channels_side_by_side(op, graph):
        return None
    linear = fit_linear_sum(op)
    if linear is not None:
        return LinearSumKernel("add_linear_s8", linear=linear)
    worth = graph.tensors[op.outputs[0]].size >= _LEAST_ELEMENTS and optimize != "flash"
    return Kernel("add_table_s8") if worth and _LEAST_SHIFT <= op.output_shift <= -1 else None
