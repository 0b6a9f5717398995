"""`tinydeploy zoo`: the networks there are, counted, beside what is published of them."""

from __future__ import annotations

import json
import re
from collections.abc import Callable
from enum import StrEnum
from typing import Annotated

import typer

from tinydeploy.cli.console import stdout
from tinydeploy.cli.zoo_text import (
    Counted,
    describe_net,
    describe_row,
    show_literature,
    show_nets,
)
from tinydeploy.errors import UsageError


class SortChoice(StrEnum):
    """Values of --sort."""

    NAME = "name"
    PARAMS = "params"
    MACS = "macs"
    TOP1 = "top1"


_SORT_KEYS: dict[SortChoice, Callable[[Counted], tuple[float, str]]] = {
    SortChoice.NAME: lambda net: (0, net.entry.name),
    SortChoice.PARAMS: lambda net: (net.counts.parameters, net.entry.name),
    SortChoice.MACS: lambda net: (net.counts.macs, net.entry.name),
    SortChoice.TOP1: lambda net: (-(net.top1 or 0), net.entry.name),
}


def zoo(
    context: typer.Context,
    name: Annotated[
        list[str] | None,
        typer.Option(metavar="TEXT", help="Only names with this in them; may be repeated."),
    ] = None,
    max_params: Annotated[
        str | None, typer.Option(metavar="N", help="Only nets of so many parameters, e.g. 1.5M.")
    ] = None,
    max_macs: Annotated[
        str | None, typer.Option(metavar="N", help="Only nets of so many MACs, e.g. 100M.")
    ] = None,
    min_top1: Annotated[
        float | None,
        typer.Option(metavar="PERCENT", help="Only nets published with at least this top-1."),
    ] = None,
    sort: Annotated[SortChoice, typer.Option(metavar="BY", help="name, params, macs or top1.")] = (
        SortChoice.NAME
    ),
    literature: Annotated[
        bool,
        typer.Option(
            "--literature",
            help="The networks of four published comparisons instead: given and counted.",
        ),
    ] = False,
    as_json: Annotated[bool, typer.Option("--json", help="Print JSON.")] = False,
) -> None:
    """List the networks that can be named: parameters, MACs, and the published figures.

    MACs are those of convolutions and fully-connected layers for one input of the published size.
    `tinydeploy zoo compare` places them on a board.
    """
    if context.invoked_subcommand is not None:
        return
    filters = (name, max_params, max_macs, min_top1)
    if literature:
        if any(value is not None for value in filters) or sort is not SortChoice.NAME:
            raise UsageError(
                "--literature lists all of its rows in their order",
                "Leave the filters and --sort out.",
            )
        _print_literature(as_json=as_json)
        return
    from tinydeploy.zoo.registry import list_families

    nets = _find_nets(name or [], _parse_count(max_params), _parse_count(max_macs), min_top1)
    nets.sort(key=_SORT_KEYS[sort])
    if as_json:
        typer.echo(json.dumps([describe_net(net) for net in nets], indent=2))
        return
    if not nets:
        raise UsageError("no net is like that", "`tinydeploy zoo` lists them all.")
    families = list_families() if all(value is None for value in filters) else ()
    stdout.print(show_nets(nets, families), markup=False, soft_wrap=True)


def _find_nets(
    names: list[str], max_params: float, max_macs: float, min_top1: float | None
) -> list[Counted]:
    from tinydeploy.zoo.counts import CountBook
    from tinydeploy.zoo.registry import list_models

    book = CountBook()
    found = []
    for entry in list_models():
        if names and not any(text.lower() in entry.name for text in names):
            continue
        net = Counted(entry, book.count(entry))
        if net.counts.parameters > max_params or net.counts.macs > max_macs:
            continue
        if min_top1 is not None and (net.top1 is None or net.top1 < min_top1):
            continue
        found.append(net)
    book.save()
    return found


def _print_literature(*, as_json: bool) -> None:
    from tinydeploy.zoo.counts import CountBook
    from tinydeploy.zoo.literature import TITLES, list_literature

    book = CountBook()
    rows = [(row, row.count(book)) for row in list_literature()]
    book.save()
    if as_json:
        typer.echo(json.dumps([describe_row(*row) for row in rows], indent=2))
        return
    parts = [
        show_literature(title, [row for row in rows if row[0].comparison == comparison])
        for comparison, title in TITLES.items()
    ]
    stdout.print("\n\n".join(parts), markup=False, soft_wrap=True)


def _parse_count(text: str | None) -> float:
    """`1.5M` as a number; no limit where nothing is said."""
    if text is None:
        return float("inf")
    match = re.fullmatch(r"\s*(\d+(?:\.\d+)?)\s*([kmg]?)\s*", text.lower())
    if match is None:
        raise UsageError(f"'{text}' is no number", "Write one, with a unit or without: 500K, 1.5M.")
    return float(match[1]) * {"": 1, "k": 1e3, "m": 1e6, "g": 1e9}[match[2]]
