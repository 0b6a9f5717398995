"""Two builds, or two folders of builds, side by side: what differs, and which layer did it."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from tinydeploy.check.blame import LayerChange, find_blame, list_changes
from tinydeploy.check.facts import Row
from tinydeploy.check.figures import Figures, take_accelerated_figures, take_figures
from tinydeploy.check.limits import RESOURCES
from tinydeploy.errors import UsageError
from tinydeploy.report.accelerated_report import AcceleratedReport
from tinydeploy.report.build_report import BuildReport
from tinydeploy.report.read_report import find_report, read_report

Report = BuildReport | AcceleratedReport


@dataclass(frozen=True)
class Reason:
    """Why a resource got worse: which, and a sentence without a full stop."""

    resource: str
    text: str


@dataclass(frozen=True)
class TargetComparison:
    """A build against an earlier one.

    Args:
        name: Of the target.
        now: The build.
        before: The earlier one.
        rows: Resources that both have measured.
        changes: Layers that cost something else, are new or gone.
        reasons: Who made the resources worse that got worse.
        notes: What makes the two hard to compare.
        commands: The command lines, the earlier one first; empty where none is known.
    """

    name: str
    now: Figures
    before: Figures
    rows: tuple[Row, ...]
    changes: tuple[LayerChange, ...]
    reasons: tuple[Reason, ...]
    notes: tuple[str, ...]
    commands: tuple[str, str]

    @property
    def same(self) -> bool:
        """Nothing differs."""
        return not self.changes and all(row.value == row.before for row in self.rows)


@dataclass(frozen=True)
class BuildsComparison:
    """All targets that both sides have, and the names of those that only one has."""

    before: Path
    now: Path
    targets: tuple[TargetComparison, ...]
    new: tuple[str, ...]
    gone: tuple[str, ...]


def compare_builds(before: Path, now: Path) -> BuildsComparison:
    """Compares a build with an earlier one, or all builds of a folder with those of another.

    Args:
        before: A build's folder or report.json, or a folder of such folders.
        now: Likewise; builds of two such folders are compared by their folders' names.

    Raises:
        InputFileError: There is a report that is none.
        UsageError: They have no build in common.
    """
    old, new = _find_builds(before), _find_builds(now)
    common = [name for name in new if name in old]
    if not common:
        raise UsageError(
            f"{before} and {now} have no build in common",
            "Give the folders of two builds, or two folders that hold builds of the same names.",
        )
    targets = []
    for name in common:
        report, earlier = read_report(new[name]), read_report(old[name])
        targets.append(compare_reports(name or _describe(report).model, report, earlier))
    return BuildsComparison(
        before,
        now,
        tuple(targets),
        new=tuple(name for name in new if name not in old),
        gone=tuple(name for name in old if name not in new),
    )


def compare_reports(name: str, now: Report, before: Report) -> TargetComparison:
    """Compares a build with an earlier one of the same target."""
    after, old = _take(now), _take(before)
    rows = [
        Row(resource, value, earlier, None, (), missed=False)
        for key, resource in RESOURCES.items()
        if (value := after.values[key]) is not None and (earlier := old.values[key]) is not None
    ]
    reasons: list[Reason] = []
    # Where one of them has an accelerator, layers are no reason: the other's report lists none.
    alike = type(now) is type(before)
    for row in rows:
        if alike and is_worse(row):
            blame = find_blame(row.resource.name, after, old)
            if blame is not None:
                reasons.append(Reason(row.resource.title, blame.text))
    return TargetComparison(
        name=name,
        now=after,
        before=old,
        rows=tuple(rows),
        changes=tuple(list_changes(after, old)) if alike else (),
        reasons=tuple(reasons),
        notes=tuple(_list_notes(now, before)),
        commands=(before.origin.command, now.origin.command),
    )


def is_worse(row: Row) -> bool:
    """It moved to the side that budgets forbid."""
    if row.before is None or row.value == row.before:
        return False
    return (row.value > row.before) == row.resource.most


@dataclass(frozen=True)
class _Build:
    """What a report says of what was built: the model, the board, what is beside it and how."""

    model: str
    board: str
    accelerator: str


def _describe(report: Report) -> _Build:
    if isinstance(report, AcceleratedReport):
        beside = f"{report.accelerator} over {report.link.upper()}"
        return _Build(report.model, report.board, beside)
    return _Build(report.model.name, report.board.name, "none")


def _take(report: Report) -> Figures:
    if isinstance(report, AcceleratedReport):
        return take_accelerated_figures(report)
    return take_figures(report)


def _list_notes(now: Report, before: Report) -> Sequence[str]:
    built, old_built = _describe(now), _describe(before)
    pairs = {
        "boards": (old_built.board, built.board),
        "accelerators": (old_built.accelerator, built.accelerator),
        "compilers": (before.compiler, now.compiler),
        "versions of tinydeploy": (before.tinydeploy, now.tinydeploy),
    }
    notes = [f"other {what}: {old}, now {new}" for what, (old, new) in pairs.items() if old != new]
    if isinstance(now, AcceleratedReport) or isinstance(before, AcceleratedReport):
        notes.append(
            "of a build with an accelerator flash, RAM, accuracy and latency are compared; its "
            "latency is that of a frame in a row"
        )
    elif (before.inference is None) != (now.inference is None):
        notes.append("only one of them was run in the emulated board: no instructions to compare")
    return notes


def _find_builds(path: Path) -> Mapping[str, Path]:
    """The report.json of a build, by "", or those in a folder of builds, by name."""
    file = find_report(path)
    if file.is_file() or not path.is_dir():
        return {"": file}
    found = {each.name: find_report(each) for each in sorted(path.iterdir()) if each.is_dir()}
    return {name: file for name, file in found.items() if file.is_file()} or {"": file}
