"""MUL: the core loop of firmware/include/td_product.h, where its shift goes to the right."""

from __future__ import annotations

from tinydeploy.board import Board
from tinydeploy.graph.graph import Graph
from tinydeploy.graph.ops.mul import Mul
from tinydeploy.plan.kernel import Kernel, Optimize
from tinydeploy.plan.kernel_choice.operands import channels_side_by_side

_LEAST_SHIFT = -22  # zero point * 2^22 + 2^21 is below 2^30


def choose_kernel(op: Mul, graph: Graph, board: Board, optimize: Optimize) -> Kernel | None:
    """Chooses the fast kernel where the second operand has all channels."""
    if channels_side_by_side(op, graph) and _LEAST_SHIFT <= op.shift <= -1:
        return Kernel("mul_fours_s8")
    return None
