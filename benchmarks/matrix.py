"""`python -m benchmarks.matrix FOLDER`: models in every mode, on both boards, by both compilers.

Each cell is a whole build, proven bit-exact on the host and in the emulated board, and tells the
instructions of one inference; of whole layers one after the other, which no board's memory need
hold, the kernels of the board's core run on the host, under the compiler's sanitizers. The table of
docs/testing.md.
"""

from __future__ import annotations

import argparse
import os
import re
import sys
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path

from benchmarks.__main__ import BOARDS, place_tables
from benchmarks.measure import SUFFIX, Silence
from tinydeploy.board import load_board
from tinydeploy.codegen.generate import generate_sources
from tinydeploy.errors import BudgetError, TinydeployError, UsageError
from tinydeploy.graph.passes import fuse_graph
from tinydeploy.graph.read import read_graph
from tinydeploy.pipeline import BuildRequest, build_image
from tinydeploy.plan.memory import plan_layer_by_layer
from tinydeploy.validate.compare import add_comparisons, compare_outputs, compare_tensors
from tinydeploy.validate.host import build_host
from tinydeploy.validate.prove import expect_outputs

# Every goal and every form of the input, and layers computed again.
MODES: Mapping[str, BuildRequest] = {
    "balanced, arena": BuildRequest("", optimize="balanced"),
    "speed, kept": BuildRequest("", optimize="speed", input_form="kept"),
    "ram, rows": BuildRequest("", optimize="ram", input_form="rows"),
    "flash, arena": BuildRequest("", optimize="flash"),
    "ram, arena, 10 % more MACs": BuildRequest("", optimize="ram", max_extra_macs=0.1),
}
LAYERS = "layer by layer, on the host"
COMPILERS: Mapping[str, str | None] = {
    "gcc": None,  # whatever is found first
    "clang": f"{sys.executable} -m ziglang cc",
}
HOST_VECTORS = 4


def main() -> int:
    """Builds, prints and writes row by row; the exit code says whether a build failed."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks.matrix", description=__doc__)
    parser.add_argument("folder", type=Path, help=f"with models: *{SUFFIX}")
    parser.add_argument("--model", action="append", default=[], help="only this, without suffix")
    parser.add_argument("--mode", action="append", metavar="MODE", help="only this")
    parser.add_argument("--write", type=Path, metavar="FILE", help="put the rows into this file")
    arguments = parser.parse_args()
    paths = sorted(arguments.folder.glob(f"*{SUFFIX}"), key=lambda path: path.stat().st_size)
    if arguments.model:
        paths = [path for path in paths if path.name.removesuffix(SUFFIX) in arguments.model]
    if not paths:
        parser.error(f"no such models in {arguments.folder}")
    known = (LAYERS, *MODES)
    for mode in set(arguments.mode or ()) - set(known):
        parser.error(f"there is no mode '{mode}': {'; '.join(known)}")
    columns = [(board, compiler) for board in BOARDS for compiler in COMPILERS]
    heads = [f"{board}, {compiler}" for board, compiler in columns]
    failed = False
    for path in paths:
        model = path.name.removesuffix(SUFFIX)
        for mode in arguments.mode or known:
            cells = []
            for board, compiler in columns:
                sys.stderr.write(f"{model}, {mode}, {board}, {compiler}\n")
                if mode == LAYERS:
                    cell = _prove_layers(path.read_bytes(), board, compiler)
                else:
                    request = replace(MODES[mode], board=board, model=str(path), keep=False)
                    cell = _build(request, compiler)
                failed |= cell.startswith("FAILED")
                cells.append(cell)
            row = f"| {' | '.join([model, mode, *cells])} |\n"
            sys.stdout.write(row)
            sys.stdout.flush()
            if arguments.write:
                head = f"| {' | '.join(['model', 'mode', *heads])} |\n"
                _write_row(arguments.write, head, row)
    return 1 if failed else 0


def _write_row(path: Path, head: str, row: str) -> None:
    """Puts a row into the table, in the place of the one of that model and mode if there is any."""
    text = path.read_text("utf-8")
    found = re.search(r"<!-- matrix -->\n(.*?)<!-- end -->", text, re.DOTALL)
    lines = found[1].splitlines(keepends=True)[2:] if found else []
    rows = {tuple(line.split(" | ")[:2]): line for line in (*lines, row)}
    table = "".join((head, f"|{' --- |' * (head.count('|') - 1)}\n", *rows.values()))
    path.write_text(place_tables(text, {"matrix": table}), encoding="utf-8")


def _build(request: BuildRequest, compiler: str) -> str:
    """Instructions of one inference; why there is none."""
    with _compiler(COMPILERS[compiler]):
        try:
            report = build_image(request, Silence()).report
        except UsageError:
            return "no rows"
        except BudgetError:
            return "no room"
        except TinydeployError as error:
            return f"FAILED: {error.message}"
    return f"{report.inference.instructions:,}" if report.inference else "FAILED: not emulated"


def _prove_layers(model: bytes, board: str, compiler: str) -> str:
    """Outputs and all stored tensors on the host, with the kernels of the board's core."""
    unfused = read_graph(model, "net")
    graph = fuse_graph(unfused)
    plan = plan_layer_by_layer(graph, load_board(board))
    expected = expect_outputs(unfused, model, None, HOST_VECTORS)
    command = COMPILERS[compiler]
    sources = generate_sources(graph, plan, load_board(board), tflite=b"")
    first = [values[:1] for values in expected.vectors]
    try:
        with build_host(
            graph, plan, sources, sanitize=True, compiler=command.split() if command else None
        ) as program:
            found = add_comparisons(
                compare_outputs(expected.outputs, program.run(expected.vectors)),
                compare_tensors(graph, expected.tensors, program.dump(first)),
            )
    except TinydeployError as error:  # what a sanitizer says
        return f"FAILED: {error.message}"
    return "exact" if found.bit_exact else f"FAILED: {found.first_difference}"


@contextmanager
def _compiler(command: str | None) -> Iterator[None]:
    before = os.environ.pop("TINYDEPLOY_CC", None)
    if command is not None:
        os.environ["TINYDEPLOY_CC"] = command
    try:
        yield
    finally:
        os.environ.pop("TINYDEPLOY_CC", None)
        if before is not None:
            os.environ["TINYDEPLOY_CC"] = before


if __name__ == "__main__":
    sys.exit(main())
