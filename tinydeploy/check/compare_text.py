"""Two builds side by side for the terminal, in 80 columns."""

from __future__ import annotations

import textwrap
from collections.abc import Iterator
from typing import Final

from tinydeploy.check.blame import LayerChange
from tinydeploy.check.compare import BuildsComparison, TargetComparison, is_worse
from tinydeploy.check.facts import Row, describe_state, show_delta
from tinydeploy.report.page.words import make_printable

_WIDTH: Final = 80
_NAME: Final = 36
_MOST_LAYERS: Final = 20
_FIELDS: Final = ("flash", "live", "instructions")


def write_comparison(comparison: BuildsComparison) -> str:
    """All targets, each with its resources, reasons and layers; `▲` marks what got worse."""
    blocks = ["\n".join(_target(target)) for target in comparison.targets]
    for word, names in (("new", comparison.new), ("gone", comparison.gone)):
        if names:
            listed = make_printable(", ".join(names))
            blocks.append("\n".join(textwrap.wrap(f"{word}: {listed}", _WIDTH)))
    return "\n\n".join(blocks)


def _target(target: TargetComparison) -> Iterator[str]:
    yield f"{make_printable(target.name)} on {target.now.board}"
    for note in target.notes:
        yield from _wrap(f"note: {make_printable(note)}")
    if target.same:
        yield "  nothing differs"
        return
    yield f"    {'':<15}{'before':>17}{'now':>17}{'change':>14}"
    yield from map(_row, target.rows)
    for reason in target.reasons:
        yield from _wrap(f"{reason.resource}: {make_printable(reason.text)}")
    if target.changes:
        yield ""
        head = f"{'flash':>9}{'live':>9}{'instructions':>14}"
        yield f"  {'layer':<{_NAME}}{'':>5}{head}"
        yield from map(_layer, target.changes[:_MOST_LAYERS])
        if len(target.changes) > _MOST_LAYERS:
            more = len(target.changes) - _MOST_LAYERS
            yield f"  and {more} more: write them all with --output FILE"


def _row(row: Row) -> str:
    assert row.before is not None
    mark = "▲" if is_worse(row) else " "
    shown = [row.resource.show(value).removesuffix(" bytes") for value in (row.before, row.value)]
    change = row.change.removesuffix(" bytes")
    line = f"  {mark} {row.resource.title:<15}{shown[0]:>17}{shown[1]:>17}{change:>14}"
    return f"{line} {row.share:>9}".rstrip()


def _layer(change: LayerChange) -> str:
    name = change.layer.title.removeprefix("layer ")
    if len(name) > _NAME - 1:
        name = f"{name[: _NAME - 2]}…"
    deltas = [show_delta(change.delta(field)) for field in _FIELDS]
    state = describe_state(change)
    return f"  {name:<{_NAME}}{state:>5}{deltas[0]:>9}{deltas[1]:>9}{deltas[2]:>14}".rstrip()


def _wrap(text: str) -> list[str]:
    return textwrap.wrap(text, _WIDTH, initial_indent="  ", subsequent_indent="    ")
