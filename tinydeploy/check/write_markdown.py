"""The outcome of a check as Markdown, for a comment on a pull request."""

from __future__ import annotations

import html
import re
from collections.abc import Iterator
from typing import Final

from tinydeploy.check.blame import LayerChange
from tinydeploy.check.facts import (
    describe_state,
    describe_status,
    describe_total,
    list_peak,
    list_problems,
    list_rows,
    show_delta,
)
from tinydeploy.check.results import CheckResult, TargetResult
from tinydeploy.report.page.words import make_printable

MARKER: Final = "<!-- tinydeploy check -->"
"""The first line: by it a comment is found again, to be replaced."""

_MOST_LAYERS: Final = 12
_MOST_CHARACTERS: Final = 60_000  # of the 65,536 that GitHub takes
_SPECIAL = re.compile(r"([\\`*_{}\[\]|~!]|(?<!&)#)")


def write_markdown(check: CheckResult) -> str:
    """The text of the file, no longer than a comment may be."""
    for with_layers in (True, False):
        text = "\n".join([MARKER, *_lines(check, with_layers=with_layers)]) + "\n"
        if len(text) <= _MOST_CHARACTERS:
            return text
    return f"{text[:_MOST_CHARACTERS]}\n\nThe rest has no room here: see the table of the check.\n"


def _lines(check: CheckResult, *, with_layers: bool) -> Iterator[str]:
    mark = "✅" if check.exit_code == 0 else "❌"
    yield f"### {mark} tinydeploy check"
    yield ""
    yield f"{describe_total(check)}."
    for result in check.results:
        yield ""
        yield from _target(result, with_layers=with_layers)


def _target(result: TargetResult, *, with_layers: bool) -> Iterator[str]:
    request = result.target.request
    mark = "✅" if result.exit_code == 0 else "❌"
    what = f"{request.model} on {request.board}"
    yield f"#### {mark} {_escape(result.target.name)}: {describe_status(result)}"
    yield ""
    yield f"{_escape(what)}"
    rows = list(list_rows(result))
    if rows:
        yield ""
        yield "| | now | baseline | change | | limit | |"
        yield "|---|---:|---:|---:|---:|---|---|"
        for row in rows:
            before = "" if row.before is None else row.resource.show(row.before)
            met = "" if not row.limits else "❌" if row.missed else "✅"
            cells = (
                row.resource.title, row.resource.show(row.value), before, row.change, row.share,
                row.describe_limit(), met,
            )  # fmt: skip
            yield f"| {' | '.join(cells)} |"
    problems = list(list_problems(result))
    if problems:
        yield ""
        for finding, line, text in problems:
            yield f"* {_escape(text)} (line {line})"
            for tensor in list_peak(finding):
                yield f"  * at the peak: {_escape(tensor)}"
    if result.changes and with_layers:
        yield ""
        yield from _layers(result.changes)
    for note in result.notes:
        yield ""
        yield f"> {_escape(note)}"


def _layers(changes: tuple[LayerChange, ...]) -> Iterator[str]:
    count = f"{len(changes)} layer{'s' if len(changes) > 1 else ''}"
    yield f"<details><summary>{count} changed against the baseline</summary>"
    yield ""
    yield "| layer | | flash | live while it runs | instructions |"
    yield "|---|---|---:|---:|---:|"
    shown = sorted(changes, key=lambda c: -sum(abs(c.delta(f) or 0) for f in _FIELDS))
    kept = {id(change) for change in shown[:_MOST_LAYERS]}
    for change in changes:
        if id(change) in kept:
            deltas = " | ".join(show_delta(change.delta(field)) for field in _FIELDS)
            yield f"| {_escape(change.layer.title)} | {describe_state(change)} | {deltas} |"
    if len(changes) > _MOST_LAYERS:
        yield ""
        yield f"and {len(changes) - _MOST_LAYERS} more, with smaller changes"
    yield ""
    yield "</details>"


_FIELDS: Final = ("flash", "live", "instructions")


def _escape(text: str) -> str:
    """Names of layers come from the model: nothing in them may format, link or mention."""
    return _SPECIAL.sub(r"\\\1", html.escape(make_printable(text))).replace("@", "&#64;")
