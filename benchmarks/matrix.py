"""`python -m benchmarks.matrix FOLDER`: models in every mode, on both boards, by both compilers.

Each cell is a whole build, proven bit-exact on the host and in the emulated board, and tells the
instructions of one inference. The table of docs/testing.md.
"""

from __future__ import annotations

import argparse
import os
import sys
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path

from benchmarks.__main__ import BOARDS, place_tables
from benchmarks.measure import SUFFIX, Silence
from tinydeploy.errors import BudgetError, TinydeployError, UsageError
from tinydeploy.pipeline import BuildRequest, build_image

# Every goal and every form of the input, and layers computed again.
MODES: Mapping[str, BuildRequest] = {
    "balanced, arena": BuildRequest("", optimize="balanced"),
    "speed, kept": BuildRequest("", optimize="speed", input_form="kept"),
    "ram, rows": BuildRequest("", optimize="ram", input_form="rows"),
    "flash, arena": BuildRequest("", optimize="flash"),
    "ram, arena, 10 % more MACs": BuildRequest("", optimize="ram", max_extra_macs=0.1),
}
COMPILERS: Mapping[str, str | None] = {
    "gcc": None,  # whatever is found first
    "clang": f"{sys.executable} -m ziglang cc",
}


def main() -> int:
    """Builds, prints, and writes where asked to; the exit code says whether a build failed."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks.matrix", description=__doc__)
    parser.add_argument("folder", type=Path, help=f"with models: *{SUFFIX}")
    parser.add_argument("--model", action="append", default=[], help="only this, without suffix")
    parser.add_argument("--write", type=Path, metavar="FILE", help="put the table into this file")
    arguments = parser.parse_args()
    paths = sorted(arguments.folder.glob(f"*{SUFFIX}"), key=lambda path: path.stat().st_size)
    if arguments.model:
        paths = [path for path in paths if path.name.removesuffix(SUFFIX) in arguments.model]
    if not paths:
        parser.error(f"no such models in {arguments.folder}")
    columns = [(board, compiler) for board in BOARDS for compiler in COMPILERS]
    heads = [f"{board}, {compiler}" for board, compiler in columns]
    rows = [["model", "mode", *heads], ["---"] * (len(heads) + 2)]
    failed = False
    for path in paths:
        for mode, request in MODES.items():
            cells = []
            for board, compiler in columns:
                model = path.name.removesuffix(SUFFIX)
                sys.stderr.write(f"{model}, {mode}, {board}, {compiler}\n")
                cell = _build(replace(request, board=board, model=str(path), keep=False), compiler)
                failed |= cell.startswith("FAILED")
                cells.append(cell)
            rows.append([path.name.removesuffix(SUFFIX), mode, *cells])
            sys.stderr.write(f"{' | '.join(rows[-1])}\n")
    table = "".join(f"| {' | '.join(row)} |\n" for row in rows)
    sys.stdout.write(table)
    if arguments.write:
        text = place_tables(arguments.write.read_text("utf-8"), {"matrix": table})
        arguments.write.write_text(text, encoding="utf-8")
    return 1 if failed else 0


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
