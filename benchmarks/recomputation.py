"""`python -m benchmarks.recomputation FOLDER`: what --max-extra-macs saves, for docs/memory.md.

Builds every model without and with it, proves each image bit-exact, and sets both beside each
other. Models of many MACs, and those whose weights the board has no flash for, are planned only:
their instructions are estimates, marked ~.
"""

from __future__ import annotations

import argparse
import sys
from dataclasses import dataclass, replace
from pathlib import Path

from benchmarks.__main__ import place_tables
from benchmarks.measure import SUFFIX
from benchmarks.memory import FORMS, Seconds
from tinydeploy.board import load_board
from tinydeploy.errors import BudgetError, TinydeployError
from tinydeploy.graph.passes import fuse_graph
from tinydeploy.graph.read import read_graph
from tinydeploy.pipeline import BuildRequest, build_image
from tinydeploy.plan.alternatives import describe_chosen
from tinydeploy.plan.check import check_plan
from tinydeploy.plan.recompute import plan_graph


@dataclass(frozen=True)
class Cost:
    """What one plan comes to.

    Args:
        arena: Bytes.
        instructions: Of one inference.
        exact: They were counted in the emulated board.
        extra_macs: MACs beyond those of the model.
        macs: Of the model.
    """

    arena: int
    instructions: int
    exact: bool
    extra_macs: int
    macs: int


@dataclass(frozen=True)
class Pair:
    """A model without and with recomputation."""

    model: str
    form: str
    stored: Cost
    recomputed: Cost


def measure_cost(request: BuildRequest, most_macs: int) -> Cost:
    """Builds, proves and counts, or only plans where there are more MACs or the flash is too small.

    Raises:
        TinydeployError: A build fails, or a byte differs from the reference.
    """
    planned = plan_cost(request)
    if planned.macs > most_macs:
        return planned
    try:
        report = build_image(request, Seconds()).report
    except BudgetError as error:
        sys.stderr.write(f"  planned only: {error.message}\n")
        return planned
    (chosen,) = (plan for plan in report.plans if plan.chosen)
    assert chosen.instructions is not None
    return Cost(
        chosen.arena_bytes,
        chosen.instructions,
        exact=True,
        extra_macs=chosen.extra_macs,
        macs=report.model.macs,
    )


def plan_cost(request: BuildRequest) -> Cost:
    """Plans, checks and estimates."""
    assert request.model is not None
    board = load_board(request.board)
    graph = fuse_graph(read_graph(Path(request.model).read_bytes(), "model"))
    planned = plan_graph(
        graph,
        board,
        request.max_extra_macs,
        optimize=request.optimize,
        input_form=request.input_form,
    )
    check_plan(planned.graph, planned.plan, board)
    plan = describe_chosen(graph, board, planned)
    return Cost(
        plan.arena_bytes,
        plan.instructions,
        exact=False,
        extra_macs=plan.extra_macs,
        macs=graph.macs,
    )


def show_pairs(pairs: list[Pair]) -> str:
    """One line per model and form: arena and instructions without and with, and the MACs."""
    head = ["model", "input", "arena", "computed again", "instructions", "computed again"]
    head.append("more MACs")
    lines = [head, ["---", "---"] + ["---:"] * (len(head) - 2)]
    for pair in pairs:
        costs = pair.stored, pair.recomputed
        arenas = [f"{cost.arena:,}" for cost in costs]
        counts = [f"{'' if cost.exact else '~'}{cost.instructions:,}" for cost in costs]
        more = f"{pair.recomputed.extra_macs / pair.recomputed.macs:.1%}"
        lines.append([pair.model, pair.form, *arenas, *counts, more])
    return "".join(f"| {' | '.join(line)} |\n" for line in lines)


def main() -> int:
    """Measures, prints, and writes where asked to."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks.recomputation", description=__doc__)
    parser.add_argument("folder", type=Path, help=f"with models: *{SUFFIX}")
    parser.add_argument("--board", default="stm32h743")
    parser.add_argument("--model", action="append", default=[], help="only this, without suffix")
    parser.add_argument("--input", choices=FORMS, action="append", default=[], dest="forms")
    parser.add_argument(
        "--optimize", choices=("balanced", "speed", "ram", "flash"), default="balanced"
    )
    parser.add_argument("--most-macs", type=int, default=1 << 62, help="of models that are built")
    parser.add_argument("--percent", type=float, default=10.0, help="as --max-extra-macs")
    parser.add_argument("--write", type=Path, metavar="FILE", help="put the table into this file")
    arguments = parser.parse_args()
    paths = sorted(arguments.folder.glob(f"*{SUFFIX}"), key=lambda path: path.stat().st_size)
    if arguments.model:
        paths = [path for path in paths if path.name.removesuffix(SUFFIX) in arguments.model]
    pairs = []
    try:
        for path in paths:
            for form in arguments.forms or ["rows"]:
                name = path.name.removesuffix(SUFFIX)
                sys.stderr.write(f"{name}, input: {form}\n")
                request = BuildRequest(
                    arguments.board,
                    str(path),
                    optimize=arguments.optimize,
                    input_form=form,
                    keep=False,
                )
                again = replace(request, max_extra_macs=arguments.percent / 100)
                stored, recomputed = (
                    measure_cost(each, arguments.most_macs) for each in (request, again)
                )
                pairs.append(Pair(name, form, stored, recomputed))
    except TinydeployError as error:
        sys.stderr.write(f"{error}\n")
        return 1
    table = show_pairs(pairs)
    sys.stdout.write(table)
    if arguments.write is not None:
        tables = {f"recomputation {arguments.board}": table}
        text = place_tables(arguments.write.read_text("utf-8"), tables)
        arguments.write.write_text(text, "utf-8")
    return 0


if __name__ == "__main__":
    sys.exit(main())
