"""Placements as text of 80 columns, Markdown, CSV and JSON."""

from __future__ import annotations

import csv
import io
import json
import textwrap
from collections.abc import Sequence
from dataclasses import asdict

from tinydeploy.compare.place import Placement

WIDTH = 80
_NOTES = (
    "flash: estimated, within 3 % but for the smallest nets. RAM: the arena as planned; layered:"
    " one layer after the other. Instructions are estimated by the planner's costs, latency from"
    " them without caches' misses and wait states; * measured in the emulated board, bit-exact."
    " Top-1 is that published for the net's own resolution; ~ at another one it is lower."
)


def show_text(board: str, placements: Sequence[Placement]) -> str:
    """A line for each, and below the ones that do not fit with the reasons."""
    head = f"{'net':<31}{'size':>5}{'flash K':>8}{'RAM K':>7}{'layered':>8}{'M instr':>9}"
    lines = [board, f"{head}{'ms':>6}{'top-1':>6}"]
    for found in placements:
        if not found.fits:
            continue
        mark = "*" if found.measured else ""
        line = f"{found.net:<31}{found.height:>5}{_kilo(found.flash):>8}{_kilo(found.ram):>7}"
        line += f"{_kilo(found.ram_layerwise):>8}{_mega(found.instructions) + mark:>9}"
        lines.append(f"{line}{_milliseconds(found):>6}{_accuracy(found):>6}".rstrip())
    missing = [found for found in placements if not found.fits]
    if missing:
        lines += ["", "do not fit:"]
        for found in missing:
            text = f"{found.net} at {found.height}x{found.width}: {found.reason}"
            lines += textwrap.wrap(text, WIDTH, subsequent_indent="    ")
    return "\n".join([*lines, "", *textwrap.wrap(_NOTES, WIDTH)])


def show_markdown(board: str, placements: Sequence[Placement]) -> str:
    """The same as a table, with exact figures."""
    head = ["net", "input", "parameters", "MACs", "flash", "RAM", "layer by layer"]
    lines = [[*head, "instructions", "latency, ms", "top-1, %", "fits"]]
    lines.append(["---"] * 2 + ["---:"] * 8 + ["---"])
    for found in placements:
        figures = (found.parameters, found.macs, found.flash, found.ram, found.ram_layerwise)
        cells = ["" if count is None else f"{count:,}" for count in figures]
        count = "" if found.instructions is None else f"{found.instructions:,}"
        cells.append(f"**{count}**" if found.measured else count)
        cells += ["" if found.latency_ms is None else f"{found.latency_ms:.1f}", _accuracy(found)]
        size = f"{found.height}x{found.width}"
        fits = "yes" if found.fits else found.reason.replace("|", "\\|")
        lines.append([found.net, size, *cells, fits])
    table = "".join(f"| {' | '.join(line)} |\n" for line in lines)
    notes = _NOTES.replace("* measured", "bold: measured")
    return f"{board}\n\n{table}\n{textwrap.fill(notes, 120)}\n"


def write_csv(placements: Sequence[Placement]) -> str:
    """All that is known of each, one line each, with a head."""
    names = list(Placement.__dataclass_fields__)
    file = io.StringIO()
    writer = csv.DictWriter(file, [*names, "fits"], lineterminator="\n")
    writer.writeheader()
    for found in placements:
        writer.writerow(asdict(found) | {"fits": found.fits})
    return file.getvalue()


def write_json(board: str, placements: Sequence[Placement]) -> str:
    """The same as JSON."""
    nets = [asdict(found) | {"fits": found.fits} for found in placements]
    return json.dumps({"board": board, "nets": nets}, indent=2) + "\n"


def _kilo(count: int | None) -> str:
    if count is None:
        return ""
    return f"{count / 1024:,.{0 if count >= 10240 else 1}f}"


def _mega(count: int | None) -> str:
    return "" if count is None else f"{count / 1e6:,.1f}"


def _milliseconds(found: Placement) -> str:
    if found.latency_ms is None:
        return ""
    return f"{found.latency_ms:.{0 if found.latency_ms >= 100 else 1}f}"


def _accuracy(found: Placement) -> str:
    if found.top1 is None:
        return ""
    return f"{'' if found.own_size else '~'}{found.top1:.1f}"
