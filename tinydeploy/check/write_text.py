"""The outcome of a check for the terminal, in 80 columns."""

from __future__ import annotations

import textwrap
from collections.abc import Iterator
from typing import Final

from tinydeploy.check.facts import (
    Row,
    describe_stages,
    describe_status,
    describe_total,
    list_peak,
    list_problems,
    list_rows,
)
from tinydeploy.check.results import CheckResult, TargetResult

WIDTH: Final = 80


def write_text(check: CheckResult) -> str:
    """All targets, each with its figures and what is wrong, and a line that sums up."""
    blocks = ["\n".join(_target(result)) for result in check.results]
    total = describe_total(check)
    if check.updated:
        total += f"; {check.baseline.name} is written"
    return "\n\n".join([*blocks, "\n".join(textwrap.wrap(total, WIDTH))])


def _target(result: TargetResult) -> Iterator[str]:
    mark = "✓" if result.exit_code == 0 else "✗"
    name = f"{mark} {result.target.name}: {describe_status(result)}"
    stages = describe_stages(result.stages_run, result.stages_reused)
    gap = WIDTH - len(name) - len(stages)
    yield f"{name}{' ' * gap}{stages}" if gap > 0 else f"{name}  {stages}"
    yield from map(_row, list_rows(result))
    for finding, line, text in list_problems(result):
        yield from _wrap(f"line {line}: {text}")
        if peak := list_peak(finding):
            yield from _wrap("at the peak: " + "; ".join(peak))
    for note in result.notes:
        yield from _wrap(f"note: {note}")


def _row(row: Row) -> str:
    mark = "✗" if row.missed else " "
    change = row.change.removesuffix(" bytes")
    head = f"  {mark} {row.resource.title:<15}{row.resource.show(row.value):>16}{change:>13}"
    return f"{head}  {row.describe_limit()}".rstrip()


def _wrap(text: str) -> list[str]:
    return textwrap.wrap(text, WIDTH, initial_indent="    ", subsequent_indent="    ")
