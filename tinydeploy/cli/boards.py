"""`tinydeploy boards`: the boards there are."""

from __future__ import annotations

from rich.table import Table

from tinydeploy.board import list_boards, load_board
from tinydeploy.cli.console import stdout


def boards() -> None:
    """List the boards: core, clock, memories, console."""
    table = Table(box=None, pad_edge=False, header_style="bold")
    for heading in ("board", "name", "core", "MHz", "flash", "RAM", "console"):
        table.add_column(heading, no_wrap=heading == "board")
    for name in list_boards():
        board = load_board(name)
        ram = sum(memory.size for memory in board.memories if "w" in memory.access)
        console = board.console
        pins = "/".join(f"P{pin.port}{pin.pin}" for pin in (console.tx, console.rx))
        table.add_row(
            board.name,
            board.title,
            board.cpu.title(),
            str(board.clock_hz // 1_000_000),
            f"{board.code_memory.size // 1024} K",
            f"{ram // 1024} K",
            f"{console.uart} {pins}",
        )
    stdout.print(table)
