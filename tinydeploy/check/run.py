"""A check: builds all targets, and holds each against its budget and the baseline."""

from __future__ import annotations

import difflib
import os
from collections.abc import Callable, Sequence
from dataclasses import replace

from tinydeploy.check.baseline import NAME as BASELINE_NAME
from tinydeploy.check.baseline import read_baseline, write_baseline
from tinydeploy.check.blame import list_changes
from tinydeploy.check.build_targets import Progress, TargetBuilder
from tinydeploy.check.config import Config, Target
from tinydeploy.check.figures import Figures
from tinydeploy.check.judge import check_baseline, judge_figures
from tinydeploy.check.results import CheckResult, TargetResult
from tinydeploy.check.store import Store
from tinydeploy.errors import UsageError
from tinydeploy.project.toolchain import find_toolchain


def pick_targets(config: Config, names: Sequence[str]) -> tuple[Target, ...]:
    """The targets of these names; all where none are given.

    Raises:
        UsageError: There is no such target.
    """
    known = {target.name: target for target in config.targets}
    for name in names:
        if name not in known:
            near = difflib.get_close_matches(name, known, n=1, cutoff=0.5)
            guess = f"Did you mean {near[0]}? " if near else ""
            raise UsageError(
                f"{config.path} has no target {name!r}", f"{guess}Targets: {', '.join(known)}."
            )
    return tuple(t for t in config.targets if not names or t.name in names)


def check_targets(
    config: Config,
    targets: Sequence[Target],
    *,
    emulate: bool = True,
    update_baseline: bool = False,
    jobs: int | None = None,
    progress: Progress = lambda target, stage: None,
    done: Callable[[TargetResult], None] = lambda result: None,
) -> CheckResult:
    """Builds targets and holds them against their budgets.

    Args:
        config: The file.
        targets: Those of its targets to check.
        emulate: Run images in the emulated board.
        update_baseline: Write the baseline anew; of targets that are left out, or fail, it keeps
            what it has.
        jobs: Processes at one time; None for as many as there are cores.
        progress: Is told of stages, from several threads.
        done: Is given each result, in the order in which builds end.

    Raises:
        UsageError: The baseline cannot be used.
        MissingDependencyError: There is no compiler.
        OutputError: The baseline, or the cache folder, cannot be written.
    """
    path = config.folder / BASELINE_NAME
    whole = len(targets) == len(config.targets)
    try:
        baseline = read_baseline(path)
    except UsageError:
        if not (update_baseline and whole):
            raise
        baseline = {}  # it is written anew, whatever a merge has left there
    compiler = find_toolchain().version
    Store().prepare()
    builder = TargetBuilder(config.folder, compiler, jobs or os.cpu_count() or 1, progress)

    def judge(built: TargetResult) -> TargetResult:
        return _judge(built, baseline.get(built.target.name), updating=update_baseline)

    def report(built: TargetResult) -> None:
        done(judge(built))

    results = tuple(judge(built) for built in builder.build(targets, emulate=emulate, done=report))
    if update_baseline:
        kept = {} if whole else baseline
        failed = {r.target.name for r in results if r.figures is None}
        known = {target.name for target in config.targets}
        new = {name: f for name, f in baseline.items() if name in failed or name in kept}
        new |= {r.target.name: r.figures for r in results if r.figures is not None}
        write_baseline(path, {name: f for name, f in new.items() if name in known})
    Store().prune()
    return CheckResult(config, results, path, update_baseline)


def _judge(built: TargetResult, before: Figures | None, *, updating: bool) -> TargetResult:
    """A built target with its findings."""
    if built.figures is None:
        return built
    target, figures, notes = built.target, built.figures, list(built.notes)
    if not updating:
        try:
            check_baseline(target, figures, before)
        except UsageError as error:
            return replace(built, error=error)
    shown = before if before is not None and before.board == figures.board else None
    if before is not None and shown is None:
        notes.append(f"the baseline is of the board {before.board}: not compared")
    reference = figures if updating else shown
    findings, more = judge_figures(target, figures, reference)
    if shown is not None and shown.compiler != figures.compiler:
        notes.append(f"the baseline is of {shown.compiler}, this build of {figures.compiler}")
    changes = () if shown is None else tuple(list_changes(figures, shown))
    return replace(
        built,
        before=shown,
        reference=reference,
        findings=tuple(findings),
        changes=changes,
        notes=tuple(dict.fromkeys((*notes, *more))),
    )
