"""Two builds side by side as one HTML file."""

from __future__ import annotations

from dataclasses import dataclass

from tinydeploy.check.blame import LayerChange
from tinydeploy.check.compare import BuildsComparison, Reason, TargetComparison, is_worse
from tinydeploy.check.facts import Row, describe_state, show_delta
from tinydeploy.check.figures import LayerFigures
from tinydeploy.report.page.render import render_page
from tinydeploy.report.page.words import make_printable, short_name, show_count, show_shape

_LEAST_DB = 0.05


@dataclass(frozen=True)
class ResourceView:
    """A resource of both builds; `tone` is better, worse or empty, bars are in percent."""

    title: str
    before: str
    now: str
    change: str
    share: str
    tone: str
    before_percent: float
    now_percent: float


@dataclass(frozen=True)
class Cell:
    """A figure of a layer, and its change, which is what it is sorted by."""

    now: str
    change: str
    value: float
    tone: str


@dataclass(frozen=True)
class LayerView:
    """A layer that differs."""

    index: int
    op: str
    name: str
    full_name: str
    state: str
    shape: str
    old_shape: str
    cells: tuple[Cell, ...]


@dataclass(frozen=True)
class TargetView:
    """A target."""

    name: str
    board: str
    same: bool
    notes: tuple[str, ...]
    commands: tuple[str, str]
    resources: tuple[ResourceView, ...]
    reasons: tuple[Reason, ...]
    layers: tuple[LayerView, ...]
    unchanged: int
    has_snr: bool


def write_comparison_page(comparison: BuildsComparison) -> str:
    """The text of the file; it needs nothing besides."""
    return render_page(
        "compare.html.j2",
        before=str(comparison.before),
        now=str(comparison.now),
        targets=tuple(map(_view_target, comparison.targets)),
        new=comparison.new,
        gone=comparison.gone,
    )


def _view_target(target: TargetComparison) -> TargetView:
    alive = sum(change.now is not None for change in target.changes)
    has_snr = any(layer.snr is not None for layer in target.now.layers)
    return TargetView(
        name=target.name,
        board=target.now.board,
        same=target.same,
        notes=target.notes,
        commands=target.commands,
        resources=tuple(map(_view_resource, target.rows)),
        reasons=target.reasons,
        layers=tuple(_view_layer(change, has_snr=has_snr) for change in target.changes),
        unchanged=len(target.now.layers) - alive,
        has_snr=has_snr,
    )


def _view_resource(row: Row) -> ResourceView:
    assert row.before is not None
    most = max(abs(row.before), abs(row.value)) or 1
    changed = row.value != row.before
    return ResourceView(
        row.resource.title,
        row.resource.show(row.before),
        row.resource.show(row.value),
        row.change,
        row.share,
        ("worse" if is_worse(row) else "better") if changed else "",
        round(100 * abs(row.before) / most, 2),
        round(100 * abs(row.value) / most, 2),
    )


def _view_layer(change: LayerChange, *, has_snr: bool) -> LayerView:
    layer = change.layer
    cells = [_count_cell(change, field) for field in ("instructions", "live", "flash", "macs")]
    if has_snr:
        cells.append(_snr_cell(change))
    before = "" if change.before is None else show_shape(change.before.output_shape)
    shape = show_shape(layer.output_shape)
    return LayerView(
        layer.index,
        layer.op,
        short_name(layer.name),
        make_printable(layer.name),
        describe_state(change),
        shape,
        "" if change.now is None or before == shape else before,
        tuple(cells),
    )


def _count_cell(change: LayerChange, field: str) -> Cell:
    now = 0 if change.now is None else getattr(change.now, field)
    delta = change.delta(field)
    tone = "" if not delta else "worse" if delta > 0 else "better"
    return Cell(show_count(now), show_delta(delta), delta or 0, tone)


def _snr_cell(change: LayerChange) -> Cell:
    def level(layer: LayerFigures | None) -> float | None:
        return None if layer is None else layer.snr

    now, before = level(change.now), level(change.before)
    shown = "" if now is None else f"{now:.1f} dB"
    if now is None or before is None or abs(now - before) < _LEAST_DB:
        return Cell(shown, "", 0, "")
    delta = now - before
    return Cell(shown, f"{delta:+.1f}", delta, "worse" if delta < 0 else "better")
