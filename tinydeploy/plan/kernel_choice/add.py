"""ADD and SUB: the core loops of td_linear_sum.h, where they are provably exact."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from tinydeploy.board import Board
from tinydeploy.graph.graph import Graph
from tinydeploy.graph.scaled_sum import ScaledSum
from tinydeploy.plan.kernel import Kernel, Optimize
from tinydeploy.plan.linear_sum import LinearSum, fit_linear_sum


@dataclass(frozen=True, kw_only=True)
class LinearSumKernel(Kernel):
    """td_add_linear_s8; `linear` are its numbers."""

    linear: LinearSum


def choose_kernel(op: ScaledSum, graph: Graph, board: Board, optimize: Optimize) -> Kernel | None:
    """Chooses the linear kernel where the second operand has all channels."""
    channels = graph.tensors[op.outputs[0]].rows[2]
    if op.constant is not None:
        one_value = bool(np.all(op.constant == op.constant.ravel()[0]))
        whole = not one_value  # a constant of one value is a single byte, for all channels
    else:
        whole = graph.tensors[op.inputs[1]].rows[2] == channels
    linear = fit_linear_sum(op) if whole else None
    return LinearSumKernel("add_linear_s8", linear=linear) if linear else None
