"""What all outputs of a check say of a target, in the same words."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

from tinydeploy.check.blame import LayerChange
from tinydeploy.check.judge import Finding
from tinydeploy.check.limits import RESOURCES, Limit, Resource
from tinydeploy.check.results import CheckResult, TargetResult
from tinydeploy.report.page.words import make_printable


@dataclass(frozen=True)
class Row:
    """A resource of a target.

    Args:
        resource: Which.
        value: The figure.
        before: The baseline's; None where there is none.
        reference: What relative limits are held against; None likewise.
        limits: Its limits; those that are missed are among the findings.
        missed: Some limit is.
    """

    resource: Resource
    value: float
    before: float | None
    reference: float | None
    limits: tuple[Limit, ...]
    missed: bool

    @property
    def change(self) -> str:
        """Against the baseline; empty without one."""
        if self.before is None:
            return ""
        return (
            "="
            if self.value == self.before
            else self.resource.show(self.value - self.before, signed=True)
        )

    @property
    def share(self) -> str:
        """The change in percent, where that says something."""
        if (
            not self.before
            or self.value == self.before
            or self.resource.unit in ("%", "points", "dB")
        ):
            return ""
        return f"{100 * (self.value / self.before - 1):+.2f} %"

    def describe_limit(self) -> str:
        """The strictest limit in words: `at most 55,000 (+1 %)`."""
        known = [each for each in self.limits if not each.relative or self.reference is not None]
        if not known:
            return f"{self.limits[0].text} of no baseline" if self.limits else ""
        strictest = min if self.resource.most else max
        limit = strictest(known, key=lambda each: each.bound(self.reference))
        bound = self.resource.show(limit.bound(self.reference)).removesuffix(" bytes")
        side = "at most" if self.resource.most else "at least"
        return f"{side} {bound}" + (f" ({limit.text})" if limit.relative else "")


def list_rows(result: TargetResult) -> Iterator[Row]:
    """The resources of a target that were measured."""
    if result.figures is None:
        return
    missed = {finding.resource.name for finding in result.findings}
    for name, resource in RESOURCES.items():
        value = result.figures.values[name]
        if value is not None:
            before, reference = (
                None if figures is None else figures.values.get(name)
                for figures in (result.before, result.reference)
            )
            limits = result.target.limits.get(name, ())
            yield Row(resource, value, before, reference, limits, name in missed)


def describe_status(result: TargetResult) -> str:
    """A word or two: `ok`, `over budget`."""
    if result.error is not None:
        return {4: "differs from the reference", 3: "over budget", 2: "cannot be judged"}.get(
            result.error.exit_code, "failed"
        )
    return "over budget" if result.findings else "ok"


def describe_stages(run: int, reused: int) -> str:
    """How much was built and how much was kept: `9 stages run, 45 reused`."""
    return f"{run} stage{'' if run == 1 else 's'} run, {reused} reused"


def describe_total(check: CheckResult) -> str:
    """The last line: `6 targets: 5 ok, 1 over budget; 11 stages run, 44 reused`."""
    words: dict[str, int] = {}
    for result in check.results:
        words[describe_status(result)] = words.get(describe_status(result), 0) + 1
    counts = ", ".join(f"{count} {word}" for word, count in words.items())
    stages = describe_stages(
        sum(r.stages_run for r in check.results), sum(r.stages_reused for r in check.results)
    )
    several = "" if len(check.results) == 1 else "s"
    return f"{len(check.results)} target{several}: {counts}; {stages}"


def list_problems(result: TargetResult) -> Iterator[tuple[Finding | None, int, str]]:
    """The findings, or the error, each with its line of tinydeploy.toml and a text."""
    if result.error is not None:
        hint = f". {result.error.hint}" if result.error.hint else ""
        yield None, result.target.lines[""], make_printable(f"{result.error.message}{hint}")
    for finding in result.findings:
        yield finding, finding.line, make_printable(finding.text)


def list_peak(finding: Finding | None) -> list[str]:
    """What is live at the peak, where that is to blame."""
    if finding is None or finding.blame is None:
        return []
    return [make_printable(tensor) for tensor in finding.blame.tensors]


def show_delta(value: int | None) -> str:
    """A change of a whole number: `+1,024`, `=`, nothing where it was not measured."""
    return "" if value is None else "=" if value == 0 else f"{value:+,}"


def describe_state(change: LayerChange) -> str:
    """`new`, `gone`, or nothing."""
    return "gone" if change.now is None else "new" if change.before is None else ""
