"""`tinydeploy boards`: the boards there are."""

from __future__ import annotations

import json
from typing import Annotated, Any

import typer
from rich.table import Table

from tinydeploy.board import Board, list_boards, load_board
from tinydeploy.cli.console import stdout


def boards(
    context: typer.Context,
    as_json: Annotated[bool, typer.Option("--json", help="Print JSON.")] = False,
) -> None:
    """List the boards: chip, core, clock, memories, console."""
    if context.invoked_subcommand is not None:
        return
    found = [load_board(name) for name in list_boards()]
    if as_json:
        typer.echo(json.dumps([_describe(board) for board in found], indent=2))
        return
    table = Table(box=None, pad_edge=False, header_style="bold")
    for heading in ("board", "chip", "core", "memories", "console"):
        table.add_column(heading, no_wrap=True)
    for board in found:
        console = board.console
        table.add_row(
            board.name,
            board.profile.name,
            f"{board.cpu.removeprefix('cortex-').upper()} {board.clock_hz // 1_000_000} MHz",
            _list_memories(board),
            " ".join((console.uart, *(pin.name for pin in console.pins))),
        )
    stdout.print(table)
    stdout.print("A chip's name stands for its board: --board stm32h743 is nucleo-h743zi2.")


def _list_memories(board: Board) -> str:
    """Two to a line."""
    sizes = [f"{memory.name} {_format_size(memory.size)}" for memory in board.memories]
    return "\n".join(", ".join(sizes[at : at + 2]) for at in range(0, len(sizes), 2))


def _format_size(size: int) -> str:
    return f"{size >> 20}M" if size % (1 << 20) == 0 else f"{size >> 10}K"


def _describe(board: Board) -> dict[str, Any]:
    console, chip = board.console, board.profile
    return {
        "name": board.name,
        "title": board.title,
        "chip": chip.name,
        "alias": chip.name if chip.default_board == board.name else None,
        "order_code": board.chip,
        "core": board.cpu,
        "fpu": board.fpu,
        "clock_hz": board.clock_hz,
        "external_clock_hz": board.external_clock_hz,
        "memories": [
            {
                "name": memory.name,
                "address": memory.address,
                "bytes": memory.size,
                "access": memory.access,
                "use": list(memory.use),
            }
            for memory in board.memories
        ],
        "console": {
            "uart": console.uart,
            "baud": console.baud,
            "tx": console.tx.name if console.tx else None,
            "rx": console.rx.name if console.rx else None,
        },
        "probes": dict(board.probes),
        "qemu_machine": board.qemu_machine or None,
        "flash_budget": board.flash_budget,
        "ram_budget": board.ram_budget,
    }
