"""`tinydeploy ops`: the operators that can be deployed, and what they must fulfil."""

from __future__ import annotations

from typing import Annotated

import typer
from rich.table import Table

from tinydeploy.cli.console import stdout
from tinydeploy.errors import UsageError
from tinydeploy.graph.op_rules import (
    COMMON_RULES,
    TYPE_RULES,
    OpRules,
    format_rules,
    list_refused,
    list_rules,
)
from tinydeploy.quantize.onnx_refused import ADVICE
from tinydeploy.quantize.onnx_table import format_onnx_rules, list_onnx_rules


def ops(
    names: Annotated[
        list[str] | None, typer.Argument(help="Only these, e.g. CONV_2D ADD.", show_default=False)
    ] = None,
    onnx: Annotated[
        bool, typer.Option("--onnx", help="Those of ONNX, and what becomes of them.")
    ] = False,
    markdown: Annotated[
        bool,
        typer.Option(
            "--markdown", help="Write the manual's page: docs/operators.md, docs/onnx.md."
        ),
    ] = False,
) -> None:
    """List the operators that can be deployed, and their rules."""
    if markdown:
        typer.echo(format_onnx_rules() if onnx else format_rules(), nl=False)
        return
    if onnx:
        _print_onnx(names or [])
        return
    supported, refused = list_rules(), list_refused()
    wanted = {name.upper() for name in names or ()}
    if missing := wanted - {name for entry in (*supported, *refused) for name in entry.builtins}:
        raise UsageError(
            f"no such operator: {', '.join(sorted(missing))}", "`tinydeploy ops` lists them."
        )
    table = Table(box=None, pad_edge=False, header_style="bold")
    table.add_column("operator")
    table.add_column("rules")
    for entry in supported:
        _add_row(table, entry, wanted)
    if not wanted:
        table.add_row("all of them", "\n".join((*TYPE_RULES, *COMMON_RULES)))
    for entry in refused:
        _add_row(table, entry, wanted, "not supported: ")
    stdout.print(table)


def _print_onnx(names: list[str]) -> None:
    wanted = {name.upper() for name in names}
    rules = list_onnx_rules()
    known = {op.upper() for rule in rules for op in rule.ops} | {op.upper() for op in ADVICE}
    if missing := wanted - known:
        raise UsageError(
            f"no such operator: {', '.join(sorted(missing))}", "`tinydeploy ops --onnx` lists them."
        )
    table = Table(box=None, pad_edge=False, header_style="bold")
    for title in ("ONNX", "becomes", "what is read"):
        table.add_column(title)
    for rule in rules:
        shown = [op for op in rule.ops if not wanted or op.upper() in wanted]
        if shown:
            table.add_row("\n".join(shown), "\n".join(rule.builtins) or "-", rule.text)
    for op, advice in ADVICE.items():
        if not wanted or op.upper() in wanted:
            table.add_row(op, "-", f"not supported: {advice}")
    stdout.print(table)


def _add_row(table: Table, entry: OpRules, wanted: set[str], before: str = "") -> None:
    names = [name for name in entry.builtins if not wanted or name in wanted]
    if names:
        names += [f"({', '.join(entry.types)})"] * (entry.types not in ((), ("int8",)))
        table.add_row("\n".join(names), before + "\n".join(entry.rules), end_section=True)
