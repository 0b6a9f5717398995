"""What the terminal shows while targets are built: a line for each when it is done."""

from __future__ import annotations

import threading
import time
from types import TracebackType

from rich.markup import escape
from rich.status import Status

from tinydeploy.check.facts import describe_stages, describe_status
from tinydeploy.check.results import TargetResult
from tinydeploy.cli.console import stderr
from tinydeploy.errors import UsageError


class TargetView:
    """Shows on stderr which targets are in work, and the time that each was done at.

    Args:
        count: Of targets.
        quiet: Show nothing.
        verbose: Show each stage as it begins.
    """

    def __init__(self, count: int, *, quiet: bool, verbose: bool = False) -> None:
        if quiet and verbose:
            raise UsageError("--quiet and --verbose ask for opposites", "Leave one of them out.")
        self._count = count
        self._quiet = quiet
        self._verbose = verbose
        self._lock = threading.Lock()
        self._begin = time.perf_counter()
        self._status: Status | None = None
        self._working: dict[str, str] = {}
        self._done = 0

    def __enter__(self) -> TargetView:
        if not self._quiet and stderr.is_terminal:
            self._status = stderr.status("")
            self._status.start()
            self._update()
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        if self._status is not None:
            self._status.stop()

    def progress(self, target: str, stage: str) -> None:
        """A stage of a target begins; called from several threads."""
        with self._lock:
            self._working[target] = stage
            if self._verbose:
                stderr.print(f"  {escape(target)}: {stage}", style="dim", soft_wrap=True)
            self._update()

    def done(self, result: TargetResult) -> None:
        """A target is done; likewise."""
        with self._lock:
            self._working.pop(result.target.name, None)
            self._done += 1
            if not self._quiet:
                mark = "[green]✓[/]" if result.exit_code == 0 else "[red]✗[/]"
                stages = describe_stages(result.stages_run, result.stages_reused)
                words = f"{escape(result.target.name)}: {describe_status(result)}, {stages}"
                taken = time.perf_counter() - self._begin
                stderr.print(f"{mark} {words}, at {taken:.1f} s", soft_wrap=True)
            self._update()

    def _update(self) -> None:
        if self._status is not None:
            working = ", ".join(f"{name}: {stage}" for name, stage in self._working.items())
            self._status.update(escape(f"{self._done} of {self._count} targets; {working}")[:78])
