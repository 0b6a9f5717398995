"""What the terminal shows: stages as they pass, errors with advice, tables that fit 80 columns."""

from __future__ import annotations

import textwrap
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager

from rich.console import Console
from rich.markup import escape
from rich.status import Status
from rich.table import Table

from tinydeploy.errors import TinydeployError, UsageError

stdout = Console(highlight=False)
stderr = Console(stderr=True, highlight=False)


def show_rows(title: str, rows: Sequence[tuple[str, str]]) -> None:
    """Prints a heading, and rows of a name and what there is to say."""
    table = Table(
        title=title,
        title_justify="left",
        title_style="bold",
        show_header=False,
        box=None,
        pad_edge=False,
    )
    table.add_column(style="bold", no_wrap=True)
    table.add_column(overflow="fold")
    for name, text in rows:
        table.add_row(name, escape(text))
    stdout.print()
    stdout.print(table)


class StageView:
    """Shows the stages of a build on stderr, one line each when it is done.

    Args:
        quiet: Show nothing.
        verbose: Show what a stage is doing line by line, not only the last.
    """

    def __init__(self, *, quiet: bool = False, verbose: bool = False) -> None:
        if quiet and verbose:
            raise UsageError("--quiet and --verbose ask for opposites", "Leave one of them out.")
        self.seconds: dict[str, float] = {}
        self._quiet = quiet
        self._verbose = verbose
        self._noted: set[str] = set()
        self._detail = ""
        self._status: Status | None = None
        self._name = ""

    @contextmanager
    def stage(self, name: str) -> Iterator[None]:
        """Times a stage; its line appears when the block ends without an exception."""
        self._name, self._detail = name, ""
        begin = time.perf_counter()
        if not self._quiet and stderr.is_terminal:
            self._status = stderr.status(f"{name:<10}")
            self._status.start()
        done = False
        try:
            yield
            done = True
        finally:
            if self._status is not None:
                self._status.stop()
                self._status = None
            taken = time.perf_counter() - begin
            self.seconds[name] = self.seconds.get(name, 0.0) + taken
            if not self._quiet:
                mark = "[green]✓[/]" if done else "[red]✗[/]"
                width = min(stderr.width, 100) - 24
                lines = textwrap.wrap(self._detail, width) or [""]
                first = escape(lines[0].ljust(width))
                stderr.print(f"{mark} [bold]{name:<10}[/] {first} {taken:7.1f} s")
                for line in lines[1:]:
                    stderr.print(f"{'':13}{escape(line)}")

    def detail(self, text: str) -> None:
        """Sets what the running stage's line says; the last call stays."""
        if self._verbose and self._detail and text != self._detail:
            stderr.print(f"  {self._name:<10} {escape(self._detail)}", style="dim", soft_wrap=True)
        self._detail = text
        if self._status is not None:
            self._status.update(f"{self._name:<10} {escape(text)}")

    def note(self, text: str) -> None:
        """Shows a line that is not about a stage's end: a warning, a skipped file; each once."""
        if not self._quiet and text not in self._noted:
            self._noted.add(text)
            stderr.print(f"  [yellow]![/] {escape(text)}")


def show_error(error: TinydeployError) -> None:
    """Prints message and hint on stderr, without a traceback."""
    stderr.print(f"[bold red]error:[/] {escape(error.message)}", soft_wrap=True)
    if error.hint:
        stderr.print(f"[bold]try:[/] {escape(error.hint)}", soft_wrap=True)


def format_bytes(count: int) -> str:
    """Bytes with thousands separators and the binary unit people think in: `79,744 (77.9 K)`."""
    if count < 1024:
        return f"{count:,}"
    if count < 1024 * 1024:
        return f"{count:,} ({count / 1024:.1f} K)"
    return f"{count:,} ({count / 1024 / 1024:.2f} M)"
