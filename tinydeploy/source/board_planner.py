"""What .tflite files cost on a board, for those who choose between several."""

from __future__ import annotations

from dataclasses import dataclass

from tinydeploy.board import Board
from tinydeploy.errors import BudgetError
from tinydeploy.graph.passes import fuse_graph
from tinydeploy.graph.read import read_graph
from tinydeploy.plan.calls import call_rows
from tinydeploy.plan.cost import call_instructions, plan_instructions
from tinydeploy.plan.kernel import Optimize
from tinydeploy.plan.kernels import choose_kernels
from tinydeploy.plan.plan import InputForm
from tinydeploy.plan.recompute import plan_graph
from tinydeploy.quantize.cost import Cost

_NAME = "net"


@dataclass(frozen=True)
class BoardPlanner:
    """Plans files as a build would; arguments as of `plan_graph`."""

    board: Board
    optimize: Optimize = "balanced"
    input_form: InputForm = "arena"
    max_ram: int | None = None
    max_extra_macs: float | None = None

    def plan(self, tflite: bytes) -> Cost | None:
        """What one inference costs; None where the file does not fit the board."""
        try:
            planned = plan_graph(
                fuse_graph(read_graph(tflite, _NAME)),
                self.board,
                self.max_extra_macs,
                max_ram=self.max_ram,
                optimize=self.optimize,
                input_form=self.input_form,
            )
        except BudgetError:
            return None
        graph, plan = planned.graph, planned.plan
        return Cost(plan_instructions(graph, plan), plan.arena_bytes)

    def price(self, tflite: bytes) -> tuple[tuple[str, int], ...]:
        """Output and instructions of each operator, fused, in order, as if run in one call."""
        graph = fuse_graph(read_graph(tflite, _NAME))
        kernels = choose_kernels(graph, self.board, self.optimize)
        return tuple(
            (
                graph.tensors[op.outputs[0]].name,
                call_instructions(graph, op, kernels[k], call_rows(graph, op, kernels[k]))
                if k in kernels
                else 0,
            )
            for k, op in enumerate(graph.ops)
        )
