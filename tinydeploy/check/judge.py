"""Holds a build's figures against its budget and its baseline."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final

from tinydeploy.check.blame import Blame, find_blame
from tinydeploy.check.config import Target
from tinydeploy.check.figures import Figures
from tinydeploy.check.limits import Limit, Resource
from tinydeploy.errors import UsageError

_EMULATED: Final = ("stack", "instructions", "latency")
_UPDATE: Final = "Run `tinydeploy check --update-baseline` and commit the file that it writes."


@dataclass(frozen=True)
class Finding:
    """A limit that is missed.

    Args:
        limit: The limit.
        line: Of tinydeploy.toml.
        value: The figure; None where there is none to hold against the limit.
        bound: What the limit comes to.
        baseline: The baseline's figure; None where there is none.
        blame: Who raised it; None where layers have nothing to do with it.
        message: One sentence, without a full stop.
    """

    limit: Limit
    line: int
    value: float | None
    bound: float | None
    baseline: float | None
    blame: Blame | None
    message: str

    @property
    def resource(self) -> Resource:
        """What is limited."""
        return self.limit.resource

    @property
    def text(self) -> str:
        """The message and who is to blame."""
        return self.message if self.blame is None else f"{self.message}: {self.blame.text}"


def check_baseline(target: Target, figures: Figures, before: Figures | None) -> None:
    """Refuses relative limits that there is no baseline for.

    Raises:
        UsageError: The baseline lacks the target, or has it on another board.
    """
    relative = [limit for limits in target.limits.values() for limit in limits if limit.relative]
    if not relative:
        return
    first = f'{relative[0].resource.name} = "{relative[0].text}"'
    if before is None:
        raise UsageError(f"{first} has no baseline: there is none of this target", _UPDATE)
    if before.board != figures.board:
        raise UsageError(
            f"{first}: the baseline of this target is of the board {before.board}, "
            f"not {figures.board}",
            _UPDATE,
        )


def judge_figures(
    target: Target, figures: Figures, before: Figures | None
) -> tuple[Sequence[Finding], Sequence[str]]:
    """The limits that are missed, and notes on those that could not be judged.

    Args:
        target: The target.
        figures: Its build.
        before: Its baseline, of the same board; None where there is none.
    """
    findings, notes = [], []
    for name, limits in target.limits.items():
        value = figures.values[name]
        old = None if before is None else before.values.get(name)
        for limit in limits:
            if value is None and target.request.accelerator is not None:
                message = f"{name} cannot be checked: a build with an accelerator does not have it"
                findings.append(_miss(target, limit, figures, before, message))
            elif value is None and name in _EMULATED:
                notes.append(f"{name} is not judged: the emulated board was left out")
            elif value is None:
                findings.append(_miss(target, limit, figures, before, _unmeasured(name)))
            elif limit.relative and old is None:
                notes.append(f"{name} is not judged: the baseline has no figure of it")
            elif not limit.allows(value, old):
                message = _describe(limit, value, old)
                findings.append(_miss(target, limit, figures, before, message))
    return findings, list(dict.fromkeys(notes))


def _miss(
    target: Target, limit: Limit, figures: Figures, before: Figures | None, message: str
) -> Finding:
    name = limit.resource.name
    value = figures.values[name]
    old = None if before is None else before.values.get(name)
    blame = None
    if value is not None:
        blame = find_blame(name, figures, before) or find_blame(name, figures, None)
    bound = None if limit.relative and old is None else limit.bound(old)
    return Finding(limit, target.lines[name], value, bound, old, blame, message)


def _describe(limit: Limit, value: float, old: float | None) -> str:
    resource = limit.resource
    bound = limit.bound(old)
    side = "over" if resource.most else "under"
    excess = resource.show(abs(value - bound))
    if limit.relative:
        assert old is not None
        of = f"of {resource.show(bound)} (baseline {resource.show(old)} {limit.text})"
    else:
        of = f"of {resource.show(bound)}"
    if resource.points:
        excess = resource.show(abs(value - bound), signed=True).lstrip("+")
    return f"{resource.title} {resource.show(value)}, {excess} {side} the limit {of}"


def _unmeasured(name: str) -> str:
    needs = "a float net with data" if name == "snr" else "labelled samples or marked pictures"
    return f"{name} cannot be checked: there are no {needs}".replace("are no a", "is no a")
