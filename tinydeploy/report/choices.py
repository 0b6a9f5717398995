"""What could run a layer, and what it would cost: why its kernel was chosen."""

from __future__ import annotations

from tinydeploy.board import Board
from tinydeploy.graph.graph import Graph
from tinydeploy.graph.op import Op
from tinydeploy.graph.ops.conv_2d import Conv2D
from tinydeploy.graph.ops.expanded_depthwise_conv_2d import ExpandedDepthwiseConv2D
from tinydeploy.plan.calls import call_rows
from tinydeploy.plan.cost import call_cycles, call_instructions
from tinydeploy.plan.kernel import Kernel
from tinydeploy.plan.kernel_choice.conv_2d import (
    GemmKernel,
    list_forms,
    make_kernel,
)
from tinydeploy.plan.kernel_choice.depthwise_conv_2d import PlanarKernel
from tinydeploy.plan.kernel_choice.fully_connected import PackedKernel
from tinydeploy.plan.kernels import choose_kernel, portable_kernel
from tinydeploy.report.build_report import ChoiceFacts


def list_choices(graph: Graph, op: Op, chosen: Kernel, board: Board) -> tuple[ChoiceFacts, ...]:
    """The kernel of a layer and those that could run it instead, by estimate.

    Args:
        graph: The graph.
        op: The layer.
        chosen: Its kernel in the plan.
        board: The board.

    Returns:
        The chosen kernel first. Of the others: each form of a product of matrices, with no more
        scratch than the chosen one where that is enough; what runs fastest, whatever its scratch
        and its code; portable C.
    """
    kernels = [chosen]
    if isinstance(op, Conv2D) and isinstance(chosen, GemmKernel):
        forms = list_forms(op, chosen.finish, "balanced")
        room = chosen.scratch_bytes
        kernels += [make_kernel(op, graph, form, chosen.finish, room) for form in forms]
    kernels.append(choose_kernel(op, graph, board, "speed"))
    if not isinstance(op, ExpandedDepthwiseConv2D):
        kernels.append(portable_kernel(op, graph))
    first = {(kernel.stem, _form(kernel)): kernel for kernel in reversed(kernels)}
    return tuple(
        _facts(graph, op, kernel, board)
        for kernel in sorted(first.values(), key=lambda kernel: kernel is not chosen)
    )


def _form(kernel: Kernel) -> str | None:
    if isinstance(kernel, PackedKernel):
        return kernel.form.name
    return kernel.form if isinstance(kernel, GemmKernel | PlanarKernel) else None


def _facts(graph: Graph, op: Op, kernel: Kernel, board: Board) -> ChoiceFacts:
    rows = call_rows(graph, op, kernel)
    return ChoiceFacts(
        kernel=kernel.stem,
        form=_form(kernel),
        scratch_bytes=kernel.scratch_bytes,
        instructions_estimated=call_instructions(graph, op, kernel, rows),
        cycles_estimated=call_cycles(graph, op, kernel, rows, board.cpu),
    )
