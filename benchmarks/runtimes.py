"""`python -m benchmarks.runtimes FOLDER`: what other runtimes compute of the same models.

The table of docs/numerics.md, from what `tinydeploy validate --against` tells of each.
"""

from __future__ import annotations

import argparse
import sys
from collections import Counter
from pathlib import Path

from benchmarks.__main__ import place_tables
from benchmarks.measure import SUFFIX
from tinydeploy.graph.read import read_graph
from tinydeploy.validate.explain import Explanation, Runtime, explain_runtime
from tinydeploy.validate.vectors import make_vectors

RUNTIMES: tuple[Runtime, ...] = ("litert-default", "tflm-double-rounding")


def main() -> None:
    """Compares, prints, and writes where asked to."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks.runtimes", description=__doc__)
    parser.add_argument("folder", type=Path, help=f"with models: *{SUFFIX}")
    parser.add_argument("--vectors", type=int, default=20, help="inputs, random ones")
    parser.add_argument("--write", type=Path, metavar="FILE", help="put the table into this file")
    arguments = parser.parse_args()
    rows = [
        [
            "model",
            "runtime",
            "outputs",
            "differing",
            "by at most",
            "layers that differ alone",
        ],
        ["---", "---", "---:", "---:", "---:", "---"],
    ]
    for path in sorted(arguments.folder.glob(f"*{SUFFIX}"), key=lambda path: path.stat().st_size):
        model = path.read_bytes()
        graph = read_graph(model, path.stem)
        for runtime in RUNTIMES:
            sys.stderr.write(f"{path.name}, {runtime}\n")
            found = explain_runtime(graph, model, make_vectors(graph, arguments.vectors), runtime)
            rows.append([path.name.removesuffix(SUFFIX), *_describe(found)])
    table = "".join(f"| {' | '.join(row)} |\n" for row in rows)
    sys.stdout.write(table)
    if arguments.write:
        text = place_tables(arguments.write.read_text("utf-8"), {"runtimes": table})
        arguments.write.write_text(text, encoding="utf-8")


def _describe(found: Explanation) -> list[str]:
    kinds = Counter(layer.kind for layer in found.layers)
    share = sum(layer.differing for layer in found.layers) / max(
        1, sum(layer.elements for layer in found.layers)
    )
    layers = ", ".join(f"{number} {kind}" for kind, number in sorted(kinds.items()))
    told = f"{layers}: {share:.2%} of their elements" if layers else "none"
    return [
        found.runtime, f"{found.elements:,}", f"{found.differing:,}", str(found.largest), told
    ]  # fmt: skip


if __name__ == "__main__":
    main()
