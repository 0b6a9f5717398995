"""`tinydeploy flash`: write an image to the attached board."""

from __future__ import annotations

import json
import shlex
from pathlib import Path
from typing import Annotated

import typer

from tinydeploy.board import load_board
from tinydeploy.cli.console import stdout
from tinydeploy.errors import InputFileError, UsageError
from tinydeploy.flash.probes import choose_tool, flash_board, flash_command


def find_image(image: Path, board: str | None) -> tuple[Path, str]:
    """The ELF file and the board's name, from an ELF or a build's output folder.

    Raises:
        InputFileError: There is no image there.
        UsageError: The board is neither given nor told by a report.json beside the image.
    """
    elf = image / "firmware.elf" if image.is_dir() else image
    if not elf.is_file():
        raise InputFileError(
            f"there is no firmware image {elf}", "Build one first: tinydeploy build --board BOARD"
        )
    if elf.read_bytes()[:4] != b"\x7fELF":
        raise InputFileError(
            f"{elf} is no ELF file", "Give the firmware.elf of a build, or its folder."
        )
    report = elf.with_name("report.json")
    if board is None and report.is_file():
        try:
            board = str(json.loads(report.read_text(encoding="utf-8"))["board"]["name"])
        except (ValueError, KeyError, TypeError) as error:
            raise InputFileError(f"{report} is damaged: {error!r}", "Build again.") from error
    if board is None:
        raise UsageError(f"which board is {elf} for?", "Add --board BOARD.")
    return elf, board


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
    elf, name = find_image(image, board)
    target = load_board(name)
    program = choose_tool(target, tool, must_exist=not dry_run)
    if dry_run:
        stdout.print(shlex.join(flash_command(elf, target, program)), soft_wrap=True, markup=False)
        return
    flash_board(elf, target, program)
    stdout.print(f"{target.title}: flashed, verified, started ({program.name})", markup=False)
