"""`tinydeploy flash`: write an image to the attached board."""

from __future__ import annotations

import shlex
from pathlib import Path
from typing import Annotated

import typer

from tinydeploy.board import load_board
from tinydeploy.cli.console import stdout
from tinydeploy.cli.image import find_image
from tinydeploy.flash.probes import choose_tool, flash_board, flash_command


def flash(
    image: Annotated[
        Path, typer.Argument(metavar="IMAGE", help="A build's output folder, or its firmware.elf.")
    ],
    board: Annotated[
        str | None,
        typer.Option("--board", "-b", metavar="BOARD", help="Default: the board of the build."),
    ] = None,
    tool: Annotated[
        str | None, typer.Option(metavar="TOOL", help="openocd or pyocd. Default: what is there.")
    ] = None,
    dry_run: Annotated[
        bool, typer.Option("--dry-run", help="Show the command and do nothing.")
    ] = False,
) -> None:
    """Write an image to the attached board, verify it and start it."""
    found = find_image(image, board)
    target = load_board(found.board)
    program = choose_tool(target, tool, must_exist=not dry_run)
    if dry_run:
        stdout.print(
            shlex.join(flash_command(found.elf, target, program)), soft_wrap=True, markup=False
        )
        return
    flash_board(found.elf, target, program)
    stdout.print(f"{target.title}: flashed, verified, started ({program.name})", markup=False)
