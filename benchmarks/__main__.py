"""`python -m benchmarks FOLDER`: the tables of docs/performance.md."""

from __future__ import annotations

import argparse
import re
import sys
from collections.abc import Mapping
from pathlib import Path

from benchmarks.measure import SUFFIX, Measurement, measure_model
from benchmarks.tables import show_kernels, show_models, show_sizes, show_types
from tinydeploy.errors import TinydeployError

BOARDS = ("stm32h743", "stm32l4r9")


def main() -> int:
    """Measures, prints, and writes where asked to."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks", description=__doc__)
    parser.add_argument("folder", type=Path, help=f"with models: *{SUFFIX}")
    parser.add_argument("--board", action="append", help="default: " + ", ".join(BOARDS))
    parser.add_argument("--model", action="append", default=[], help="only this, without suffix")
    parser.add_argument(
        "--optimize", choices=("balanced", "speed", "ram", "flash"), default="balanced"
    )
    parser.add_argument("--write", type=Path, metavar="FILE", help="put the tables into this file")
    arguments = parser.parse_args()
    paths = sorted(arguments.folder.glob(f"*{SUFFIX}"), key=lambda path: path.stat().st_size)
    if arguments.model:
        paths = [path for path in paths if path.name.removesuffix(SUFFIX) in arguments.model]
    if not paths:
        parser.error(f"no such models in {arguments.folder}")

    tables: dict[str, str] = {}
    for board in arguments.board or BOARDS:
        measured: list[Measurement] = []
        for path in paths:
            sys.stderr.write(f"{path.name} on {board}\n")
            try:
                measured.append(measure_model(path, board, arguments.optimize))
            except TinydeployError as error:
                sys.stderr.write(f"{path.name}: {error}\n")
                return 1
        tables |= make_tables(board, measured)
    for name, table in tables.items():
        sys.stdout.write(f"{name}\n\n{table}\n")
    if arguments.write is not None:
        arguments.write.write_text(
            place_tables(arguments.write.read_text("utf-8"), tables), "utf-8"
        )
    return 0


def make_tables(board: str, measured: list[Measurement]) -> dict[str, str]:
    """All tables of one board by name."""
    return {
        f"models {board}": show_models(measured),
        f"sizes {board}": show_sizes(measured),
        f"types {board}": show_types(measured),
        f"kernels {board}": show_kernels(measured),
    }


def place_tables(text: str, tables: Mapping[str, str]) -> str:
    """Replaces what stands between `<!-- NAME -->` and `<!-- end -->` for the tables given.

    Other comments may stand in front: only names of tables begin one.
    """
    names = "|".join(map(re.escape, tables))

    def replace(found: re.Match[str]) -> str:
        return f"<!-- {found[1]} -->\n{tables[found[1]]}<!-- end -->"

    return re.sub(rf"<!-- ({names}) -->\n.*?<!-- end -->", replace, text, flags=re.DOTALL)


if __name__ == "__main__":
    sys.exit(main())
