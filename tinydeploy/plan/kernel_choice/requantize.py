"""QUANTIZE from or to int16: one multiplication where that is provably exact."""

from __future__ import annotations

from dataclasses import dataclass

from tinydeploy.board import Board
from tinydeploy.graph.graph import Graph
from tinydeploy.graph.ops.requantize import Requantize
from tinydeploy.plan.kernel import Kernel, Optimize
from tinydeploy.plan.linear_requantization import LinearRequantization, fit_requantization


@dataclass(frozen=True, kw_only=True)
class LinearRequantizeKernel(Kernel):
    """td_requantize_linear; `linear` are its numbers."""

    linear: LinearRequantization


def choose_kernel(op: Requantize, graph: Graph, board: Board, optimize: Optimize) -> Kernel | None:
    """Chooses the linear kernel where its numbers are found."""
    linear = fit_requantization(op, graph.tensors[op.inputs[0]].dtype)
    return None if linear is None else LinearRequantizeKernel("requantize_linear", linear=linear)
