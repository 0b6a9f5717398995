"""What came of the targets of a check."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Final

from tinydeploy.check.blame import LayerChange
from tinydeploy.check.config import Config, Target
from tinydeploy.check.figures import Figures
from tinydeploy.check.judge import Finding
from tinydeploy.errors import TinydeployError

# Which of several exit codes of targets counts: the last of them.
_GRAVITY: Final = (0, 3, 2, 1, 4)


@dataclass(frozen=True)
class TargetResult:
    """What came of one target.

    Args:
        target: The target.
        figures: Of its build; None where it failed.
        before: Its baseline, of the same board; None where there is none.
        reference: What relative limits are held against: the baseline, or what replaces it.
        findings: The limits that are missed.
        changes: Layers that cost something else than in the baseline.
        error: Why it failed.
        notes: What the user should know.
        stages_run: Stages that ran now.
        stages_reused: Stages whose results were kept from earlier.
    """

    target: Target
    figures: Figures | None = None
    before: Figures | None = None
    reference: Figures | None = None
    findings: tuple[Finding, ...] = ()
    changes: tuple[LayerChange, ...] = ()
    error: TinydeployError | None = None
    notes: tuple[str, ...] = ()
    stages_run: int = 0
    stages_reused: int = 0

    @property
    def exit_code(self) -> int:
        """0, 3 for a missed limit, or the error's."""
        if self.error is not None:
            return self.error.exit_code
        return 3 if self.findings else 0


@dataclass(frozen=True)
class CheckResult:
    """What came of all targets.

    Args:
        config: The file.
        results: In its order.
        baseline: The baseline's file.
        updated: It was written.
    """

    config: Config
    results: tuple[TargetResult, ...]
    baseline: Path
    updated: bool

    @property
    def exit_code(self) -> int:
        """The gravest of the targets': 4, then 1, 2, 3."""
        return max((r.exit_code for r in self.results), key=_GRAVITY.index, default=0)
