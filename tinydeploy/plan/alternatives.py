"""Other plans of the same model on the same board, for comparison."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace

from tinydeploy.board import Board
from tinydeploy.errors import BudgetError, UsageError
from tinydeploy.graph.graph import Graph
from tinydeploy.plan.cost import plan_instructions
from tinydeploy.plan.input_form import check_input_form, count_outside_bytes
from tinydeploy.plan.kernel import Optimize
from tinydeploy.plan.memory import plan_layer_by_layer, plan_memory
from tinydeploy.plan.plan import InputForm, Plan

_NAMES: Mapping[InputForm, str] = {
    "arena": "input in the arena",
    "kept": "input kept",
    "rows": "input row by row",
}


@dataclass(frozen=True)
class Alternative:
    """What a plan comes to.

    Args:
        name: In words, what is different about it.
        arena_bytes: RAM of one inference without the stack.
        input_bytes: Of the host's own buffer for the input, or a row of it, outside the arena.
        lower_bound_bytes: No placement needs less, whatever the schedule.
        instructions: Of one inference, estimated.
        chosen: It is the plan that is built.
    """

    name: str
    arena_bytes: int
    input_bytes: int
    lower_bound_bytes: int
    instructions: int
    chosen: bool


def list_alternatives(
    graph: Graph, board: Board, chosen: Plan, optimize: Optimize = "balanced"
) -> tuple[Alternative, ...]:
    """One plan for each form of the input, and one that runs layer after layer.

    Forms that the model does not have, or that the board has no room for, are left out; the last
    may need more than the board has.

    Args:
        graph: A verified graph.
        board: The board.
        chosen: The plan that is built.
        optimize: What it was made for.
    """
    found = [_describe(graph, "layer by layer", plan_layer_by_layer(graph, board, optimize))]
    for form, name in _NAMES.items():
        if form == chosen.input_form:
            found.append(describe_chosen(graph, chosen))
            continue
        try:
            check_input_form(graph, form)
            plan = plan_memory(graph, board, optimize=optimize, input_form=form)
        except (BudgetError, UsageError):
            continue
        found.append(_describe(graph, name, plan))
    return tuple(found)


def describe_chosen(graph: Graph, plan: Plan) -> Alternative:
    """What the plan that is built comes to."""
    return replace(_describe(graph, _NAMES[plan.input_form], plan), chosen=True)


def _describe(graph: Graph, name: str, plan: Plan) -> Alternative:
    return Alternative(
        name,
        plan.arena_bytes,
        count_outside_bytes(graph, plan),
        plan.lower_bound_bytes,
        plan_instructions(graph, plan),
        chosen=False,
    )
