"""Other plans of the same model on the same board, for comparison."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace

from tinydeploy.board import Board
from tinydeploy.errors import BudgetError, UsageError
from tinydeploy.graph.graph import Graph
from tinydeploy.plan.cost import plan_cycles, plan_instructions
from tinydeploy.plan.extra_macs import count_extra_macs
from tinydeploy.plan.input_form import check_input_form, count_outside_bytes
from tinydeploy.plan.kernel import Optimize
from tinydeploy.plan.memory import plan_layer_by_layer, plan_memory
from tinydeploy.plan.plan import InputForm, Plan, PlannedGraph
from tinydeploy.plan.recompute import USUAL_SHARE, plan_recomputed

_NAMES: Mapping[InputForm, str] = {
    "arena": "input in the arena",
    "kept": "input kept",
    "rows": "input row by row",
}

_RECOMPUTED = "with recomputation"


@dataclass(frozen=True)
class Alternative:
    """What a plan comes to.

    Args:
        name: In words, what is different about it.
        arena_bytes: RAM of one inference without the stack.
        input_bytes: Of the host's own buffer for the input, or a row of it, outside the arena.
        lower_bound_bytes: No placement needs less, whatever the schedule.
        instructions: Of one inference, estimated.
        cycles: Likewise, without caches and wait states.
        extra_macs: MACs of one inference beyond those of the model.
        chosen: It is the plan that is built.
    """

    name: str
    arena_bytes: int
    input_bytes: int
    lower_bound_bytes: int
    instructions: int
    cycles: int
    extra_macs: int
    chosen: bool


def list_alternatives(
    graph: Graph, board: Board, chosen: PlannedGraph, optimize: Optimize = "balanced"
) -> tuple[Alternative, ...]:
    """One plan for each form of the input, one with recomputation, and one layer after layer.

    Forms that the model does not have, or that the board has no room for, are left out; the last
    may need more than the board has. Recomputation is for the form that is built, and left out
    where it needs no less RAM.

    Args:
        graph: A verified graph, as `fuse_graph` makes it.
        board: The board.
        chosen: What is built, of that graph.
        optimize: What it was made for.
    """
    recomputed = chosen.graph is not graph
    found = [_describe(graph, board, "layer by layer", plan_layer_by_layer(graph, board, optimize))]
    for form, name in _NAMES.items():
        if form == chosen.plan.input_form and not recomputed:
            found.append(describe_chosen(graph, board, chosen))
            continue
        try:
            check_input_form(graph, form)
            plan = plan_memory(graph, board, optimize=optimize, input_form=form)
        except (BudgetError, UsageError):
            continue
        found.append(_describe(graph, board, name, plan))
    if recomputed:
        found.append(describe_chosen(graph, board, chosen))
        return tuple(found)
    best = plan_recomputed(
        graph,
        board,
        USUAL_SHARE,
        optimize=optimize,
        input_form=chosen.plan.input_form,
        below=chosen.plan.arena_bytes,
    )
    if best is not None:
        found.append(_describe(best.graph, board, _RECOMPUTED, best.plan))
    return tuple(found)


def describe_chosen(graph: Graph, board: Board, chosen: PlannedGraph) -> Alternative:
    """What the plan that is built, of this graph, comes to."""
    name = _NAMES[chosen.plan.input_form] if chosen.graph is graph else _RECOMPUTED
    return replace(_describe(chosen.graph, board, name, chosen.plan), chosen=True)


def _describe(graph: Graph, board: Board, name: str, plan: Plan) -> Alternative:
    return Alternative(
        name,
        plan.arena_bytes,
        count_outside_bytes(graph, plan),
        plan.lower_bound_bytes,
        plan_instructions(graph, plan),
        plan_cycles(graph, plan, board.cpu),
        count_extra_macs(graph, plan.kernels, plan.calls),
        chosen=False,
    )
