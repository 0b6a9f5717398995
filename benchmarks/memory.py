"""`python -m benchmarks.memory FOLDER`: the table of arenas of docs/memory.md.

Builds every model once for each form of its input, proves each image bit-exact, and sets the arenas
as linked beside TFLite Micro's.
"""

from __future__ import annotations

import argparse
import sys
import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import get_args

from benchmarks.__main__ import place_tables
from benchmarks.measure import SUFFIX
from benchmarks.peers import PEERS
from tinydeploy.board import load_board
from tinydeploy.codegen.schedule_text import count_table_bytes, describe_schedule
from tinydeploy.errors import TinydeployError, UsageError
from tinydeploy.graph.passes import fuse_graph
from tinydeploy.graph.read import read_graph
from tinydeploy.pipeline import BuildRequest, build_image
from tinydeploy.plan.input_form import check_input_form
from tinydeploy.plan.kernel import Optimize
from tinydeploy.plan.memory import plan_layer_by_layer, plan_memory
from tinydeploy.plan.plan import InputForm, Plan

FORMS: tuple[InputForm, ...] = get_args(InputForm)


@dataclass(frozen=True)
class Arena:
    """What one inference needs of RAM with one form of the input.

    Args:
        size: Bytes, as linked; as planned where nothing was built.
        lower_bound: Bytes that no placement of any schedule goes below.
        instructions: Of one inference, exact; None where nothing was built.
        tables: Bytes of flash for tables of rows and calls.
    """

    size: int
    lower_bound: int
    instructions: int | None
    tables: int


@dataclass(frozen=True)
class MemoryNeeds:
    """One model's arenas.

    Args:
        model: Its file name without the suffix.
        whole: Bytes of the arena where layers run one after the other.
        arenas: By form of the input; forms that the model does not have are absent.
    """

    model: str
    whole: int
    arenas: Mapping[InputForm, Arena]


class Seconds:
    """Follows a build for `build_image`, and says on stderr how long planning took."""

    def __init__(self) -> None:
        self.seconds: dict[str, float] = {}

    @contextmanager
    def stage(self, name: str) -> Iterator[None]:
        """Times what is done in it."""
        begin = time.perf_counter()
        yield
        if name == "plan":
            sys.stderr.write(f"  planned in {time.perf_counter() - begin:.1f} s\n")

    def detail(self, text: str) -> None:
        """Says nothing."""

    def note(self, text: str) -> None:
        """Says nothing."""


def measure_memory(path: Path, board: str, optimize: Optimize, *, build: bool) -> MemoryNeeds:
    """Plans a model for every form of its input, and builds it.

    Args:
        path: An int8 .tflite.
        board: Name of the board.
        optimize: As `tinydeploy build --optimize`.
        build: Build, prove and measure; else the figures are those of the plans.

    Raises:
        TinydeployError: A build fails, or a byte differs from the reference.
    """
    chip = load_board(board)
    name = path.name.removesuffix(SUFFIX)
    graph = fuse_graph(read_graph(path.read_bytes(), "model"))
    arenas: dict[InputForm, Arena] = {}
    for form in FORMS:
        sys.stderr.write(f"{name}, input: {form}\n")
        request = BuildRequest(board, str(path), optimize=optimize, input_form=form, keep=False)
        try:
            check_input_form(graph, form)
        except UsageError as error:
            sys.stderr.write(f"  {error.message}\n")
            continue
        report = build_image(request, Seconds()).report if build else None
        plan = plan_memory(graph, chip, optimize=optimize, input_form=form)
        size = plan.arena_bytes if report is None else report.memory.arena_bytes
        run = None if report is None else report.inference
        instructions = None if run is None else run.instructions
        arenas[form] = Arena(size, plan.lower_bound_bytes, instructions, count_tables(plan))
    whole = plan_layer_by_layer(graph, chip, optimize).arena_bytes
    return MemoryNeeds(name, whole, arenas)


def count_tables(plan: Plan) -> int:
    """Bytes of flash: 2 for each row that has an entry, those of tables of calls."""
    rows = sum(len(rows.table) for rows in plan.rows.values() if rows.table is not None)
    return 2 * rows + count_table_bytes(describe_schedule(plan.steps))


def show_arenas(needs: list[MemoryNeeds]) -> str:
    """One line per model: bytes of RAM by form of the input, beside TFLite Micro's arena."""
    head = ["model", "layer by layer", "in the arena", "kept", "row by row", "TFLM", "ratio"]
    lines = [head, ["---"] + ["---:"] * (len(head) - 1)]
    for need in needs:
        peer = PEERS.get(need.model)
        theirs = None if peer is None else peer.arena
        sizes = [f"{need.arenas[form].size:,}" if form in need.arenas else "" for form in FORMS]
        ratio = "" if theirs is None else f"{need.arenas['arena'].size / theirs:.2f}"
        known = "" if theirs is None else f"{theirs:,}"
        lines.append([need.model, f"{need.whole:,}", *sizes, known, ratio])
    return "".join(f"| {' | '.join(line)} |\n" for line in lines)


def show_costs(needs: list[MemoryNeeds]) -> str:
    """One line per model and form: lower bound, tables in flash, instructions."""
    head = ["model", "input", "arena", "lower bound", "tables in flash", "instructions"]
    lines = [head, ["---", "---"] + ["---:"] * (len(head) - 2)]
    for need in needs:
        for form, arena in need.arenas.items():
            count = "" if arena.instructions is None else f"{arena.instructions:,}"
            figures = f"{arena.size:,}", f"{arena.lower_bound:,}", f"{arena.tables:,}", count
            lines.append([need.model, form, *figures])
    return "".join(f"| {' | '.join(line)} |\n" for line in lines)


def main() -> int:
    """Measures, prints, and writes where asked to."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks.memory", description=__doc__)
    parser.add_argument("folder", type=Path, help=f"with models: *{SUFFIX}")
    parser.add_argument("--board", default="stm32h743")
    parser.add_argument("--model", action="append", default=[], help="only this, without suffix")
    parser.add_argument(
        "--optimize", choices=("balanced", "speed", "ram", "flash"), default="balanced"
    )
    parser.add_argument("--plan-only", action="store_true", help="build nothing: plans' figures")
    parser.add_argument("--write", type=Path, metavar="FILE", help="put the tables into this file")
    arguments = parser.parse_args()
    paths = sorted(arguments.folder.glob(f"*{SUFFIX}"), key=lambda path: path.stat().st_size)
    if arguments.model:
        paths = [path for path in paths if path.name.removesuffix(SUFFIX) in arguments.model]
    if not paths:
        parser.error(f"no such models in {arguments.folder}")
    build = not arguments.plan_only
    try:
        needs = [
            measure_memory(path, arguments.board, arguments.optimize, build=build) for path in paths
        ]
    except TinydeployError as error:
        sys.stderr.write(f"{error}\n")
        return 1
    board = arguments.board
    goal = "" if arguments.optimize == "balanced" else f" {arguments.optimize}"
    tables = {
        f"arenas {board}{goal}": show_arenas(needs),
        f"costs {board}{goal}": show_costs(needs),
    }
    for name, table in tables.items():
        sys.stdout.write(f"{name}\n\n{table}\n")
    if arguments.write is not None:
        text = place_tables(arguments.write.read_text("utf-8"), tables)
        arguments.write.write_text(text, "utf-8")
    return 0


if __name__ == "__main__":
    sys.exit(main())
