"""ADD and SUB: the core loops of td_linear_sum.h, where they are provably exact."""

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


def choose_kernel(op: ScaledSum, graph: Graph, board: Board, optimize: Optimize) -> Kernel | None:
    """Chooses the linear kernel where the second operand has all channels."""
    linear = fit_linear_sum(op) if channels_side_by_side(op, graph) else None
    return LinearSumKernel("add_linear_s8", linear=linear) if linear else None
