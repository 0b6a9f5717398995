"""`python -m benchmarks.zoo`: the zoo's small nets as images, proven bit-exact, for docs/zoo.md.

Each net, with random weights, at the largest of a few resolutions that fits the board. With
--lists, the page's lists of nets instead, which takes seconds.
"""

from __future__ import annotations

import argparse
import sys
from collections.abc import Sequence
from pathlib import Path

from benchmarks.__main__ import BOARDS, place_tables
from benchmarks.measure import Silence
from tinydeploy.board import Board, load_board
from tinydeploy.cli.zoo_markdown import list_nets_markdown, list_rows_markdown
from tinydeploy.cli.zoo_text import Counted
from tinydeploy.compare.place import Placement, place_net
from tinydeploy.errors import TinydeployError
from tinydeploy.zoo.counts import CountBook
from tinydeploy.zoo.literature import TITLES, list_literature
from tinydeploy.zoo.registry import find_model, list_families, list_models

# All that fit the flash of a board with 2 MB, and narrower ones of those that do not.
NETS = (
    "etinynet-1.0",
    "etinynet-0.75",
    "etinynet-0.5",
    "etinynet-0.35",
    "etinynet-ssd",
    "mobilenet_v1-0.5",
    "mobilenet_v1-0.25",
    "mobilenet_v2-0.35",
    "mobilenet_v2-0.15",
    "mobilenet_v3_small-0.5",
    "mobilenet_v3_small-0.35",
    "mobilenet_v3_small-0.25",
    "mobilenet_v3_small_minimal-0.5",
    "mobilenext-0.35",
    "mnasnet_a1-0.35",
    "mnasnet_b1-0.35",
    "proxylessnas-0.35",
    "squeezenet-1.0",
    "squeezenet-1.1",
    "shufflenet_v1_g3-0.5",
    "shufflenet_v1_g3-1.0",
    "shufflenet_v2-0.5",
    "igcv3-0.35",
    "igcv3-0.25",
    "tiny_fire",
    "resnet_8",
    "ds_cnn",
    "autoencoder",
    "highway-10",
    "plain_cnn",
    "mcunet_256kb",
    "ghostnet-0.35",
)
SIZES = (96, 64, 48, 32)
# The second board shows that they run there, too: most of them with small pictures.
SECOND_BOARD, SECOND_SIZES = "stm32l4r9", (32,)
LARGE_THERE = frozenset(NETS[: NETS.index("mobilenet_v2-0.35") + 1])


def measure_net(name: str, board: Board, sizes: Sequence[int], book: CountBook) -> Placement:
    """The net at the first size that fits; at the last one where none does.

    Nets that are made for small inputs, or for no pictures, keep theirs.

    Raises:
        TinydeployError: A build fails, or a byte differs from the reference.
    """
    entry = find_model(name)
    own = entry.preprocessing is None or max(entry.input_shape[2:]) <= max(sizes)
    for size in (None,) if own else sizes:
        found = place_net(entry, size, board, book)
        if found.fits:
            return place_net(entry, size, board, book, measure=Silence())
    return found


def pick_sizes(net: str, board: str) -> tuple[int, ...]:
    """What a net is tried with on a board, the largest first."""
    return SECOND_SIZES if board == SECOND_BOARD and net not in LARGE_THERE else SIZES


def show_placements(placements: Sequence[Placement]) -> str:
    """One line per net."""
    head = ["net", "input", "parameters", "MACs", "flash", "arena", "layer by layer"]
    lines = [[*head, "instructions", "ms, estimated", "bit-exact"]]
    lines.append(["---"] * 2 + ["---:"] * 7 + ["---"])
    for found in placements:
        figures = (found.parameters, found.macs, found.flash, found.ram, found.ram_layerwise)
        cells = [f"{count:,}" if count is not None else "" for count in figures]
        cells.append("" if found.instructions is None else f"{found.instructions:,}")
        cells.append("" if found.latency_ms is None else f"{found.latency_ms:.1f}")
        cells.append("yes" if found.measured else found.reason)
        lines.append([found.net, f"{found.height}x{found.width}", *cells])
    return "".join(f"| {' | '.join(line)} |\n" for line in lines)


def merge_rows(page: str, name: str, table: str) -> str:
    """A table of some nets with the rows that the page has of the others, in the order of NETS."""
    _, _, rest = page.partition(f"<!-- {name} -->\n")
    old, new = (
        text.splitlines(keepends=True) for text in (rest.partition("<!-- end -->")[0], table)
    )
    rows = {line.split("|")[1].strip(): line for line in (*old[2:], *new[2:])}
    return "".join([*new[:2], *(rows[net] for net in NETS if net in rows)])


def list_tables(book: CountBook) -> dict[str, str]:
    """The lists of docs/zoo.md, by name: nets, and the rows of the literature."""
    nets = [Counted(entry, book.count(entry)) for entry in list_models()]
    rows = [(row, row.count(book)) for row in list_literature()]
    comparisons = [
        list_rows_markdown(title, [row for row in rows if row[0].comparison == comparison])
        for comparison, title in TITLES.items()
    ]
    return {
        "nets": list_nets_markdown(nets, list_families()),
        "comparisons": "\n".join(comparisons),
    }


def main() -> int:
    """Measures, prints, and writes where asked to."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks.zoo", description=__doc__)
    parser.add_argument("--board", action="append", help="default: " + ", ".join(BOARDS))
    parser.add_argument(
        "--net", action="append", help="only this, other rows stay; default: " + ", ".join(NETS)
    )
    parser.add_argument("--lists", action="store_true", help="the lists of nets alone")
    parser.add_argument("--write", type=Path, metavar="FILE", help="put the tables into this file")
    arguments = parser.parse_args()
    book = CountBook()
    tables, failures = (list_tables(book), 0) if arguments.lists else ({}, 0)
    for name in () if arguments.lists else arguments.board or BOARDS:
        board = load_board(name)
        placements = []
        for net in arguments.net or NETS:
            try:
                placements.append(measure_net(net, board, pick_sizes(net, name), book))
            except TinydeployError as error:
                sys.stderr.write(f"{net} on {name}: {error}\n")
                failures += 1
                continue
            found = placements[-1]
            outcome = "bit-exact" if found.measured else found.reason
            sys.stderr.write(f"{net} {found.height}x{found.width} on {name}: {outcome}\n")
        tables[f"zoo {name}"] = show_placements(placements)
        sys.stdout.write(f"zoo {name}\n\n{tables[f'zoo {name}']}\n")
    book.save()
    if arguments.lists and arguments.write is None:
        sys.stdout.write("".join(tables.values()))
    if arguments.write is not None:
        text = arguments.write.read_text("utf-8")
        if arguments.net:
            tables = {name: merge_rows(text, name, table) for name, table in tables.items()}
        text = place_tables(text, tables)
        arguments.write.write_text(text, "utf-8")
    return 1 if failures else 0


if __name__ == "__main__":
    sys.exit(main())
