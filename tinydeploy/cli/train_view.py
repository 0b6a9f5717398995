"""What the terminal shows of a training: a bar with the time left, or a line per tenth."""

from __future__ import annotations

from types import TracebackType
from typing import TYPE_CHECKING

import typer
from rich.progress import BarColumn, MofNCompleteColumn, TextColumn, TimeRemainingColumn
from rich.progress import Progress as Bar

from tinydeploy.cli.console import stderr

if TYPE_CHECKING:
    from rich.progress import TaskID

    from tinydeploy.train.loop import Progress


class TrainView:
    """Shows progress on stderr.

    Args:
        quiet: Show nothing.
    """

    def __init__(self, *, quiet: bool) -> None:
        self._quiet = quiet
        self._bar = Bar(
            TextColumn("{task.description:<10}"),
            BarColumn(),
            MofNCompleteColumn(),
            TextColumn("{task.fields[state]}"),
            TimeRemainingColumn(),
            console=stderr,
            disable=quiet or not stderr.is_terminal,
        )
        self._tasks: dict[str, TaskID] = {}

    def __enter__(self) -> TrainView:
        self._bar.start()
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        """Takes the bar away; after Ctrl-C, says that nothing is lost."""
        self._bar.stop()
        if kind is KeyboardInterrupt:
            stderr.print("[bold red]interrupted:[/] the same command goes on from the last state")
            raise typer.Exit(130)

    def watch(self, progress: Progress) -> None:
        """Takes note of a step."""
        state = f"loss {progress.loss:.3f}"
        if progress.accuracy is not None:
            state += f", accuracy {100 * progress.accuracy:.1f} %"
        if progress.stage not in self._tasks:
            self._tasks[progress.stage] = self._bar.add_task(progress.stage, state=state)
        self._bar.update(
            self._tasks[progress.stage],
            completed=progress.step,
            total=progress.steps,
            state=state,
        )
        tenth = max(1, progress.steps // 10)
        if not self._quiet and not stderr.is_terminal and progress.step % tenth == 0:
            stderr.print(f"{progress.stage} {progress.step}/{progress.steps}: {state}")
