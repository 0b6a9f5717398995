"""`tinydeploy flash`: write an image to the attached board."""

from __future__ import annotations

import re
import shlex
import tempfile
from pathlib import Path
from typing import Annotated

import typer

from tinydeploy.board import Board
from tinydeploy.cli.console import stderr, stdout
from tinydeploy.cli.image import BuiltImage, find_image, load_built_board
from tinydeploy.emulate.image import Image
from tinydeploy.errors import InputFileError, UsageError
from tinydeploy.flash.flash_board import AUTO, TOOLS, choose_tool, flash_board
from tinydeploy.flash.tool import Job
from tinydeploy.project.publish import REPORTS


def flash(
    image: Annotated[
        Path, typer.Argument(metavar="IMAGE", help="A build's output folder, or its firmware.elf.")
    ],
    board: Annotated[
        str | None,
        typer.Option("--board", "-b", metavar="BOARD", help="Default: the board of the build."),
    ] = None,
    probe: Annotated[
        str,
        typer.Option(
            metavar="TOOL",
            help=f"{', '.join(TOOLS)}, or auto: the first that is installed and sees a probe.",
        ),
    ] = AUTO,
    serial: Annotated[
        str, typer.Option(metavar="NUMBER", help="Serial number, where there are several probes.")
    ] = "",
    remote: Annotated[
        str,
        typer.Option(
            metavar="HOST:PORT", help="The debug port of an emulated board (openocd, pyocd)."
        ),
    ] = "",
    dry_run: Annotated[
        bool, typer.Option("--dry-run", help="Show the commands and do nothing.")
    ] = False,
) -> None:
    """Write an image to the attached board, read it back, compare, and start it."""
    found = find_image(image, board)
    _check_age(found)
    target = load_built_board(found)
    _check_board(found, target)
    _check_places(found, target)
    if remote and not re.fullmatch(r"([\w.-]+:)?\d{1,5}", remote):
        raise UsageError(f"'{remote}' is no place", "Write it as localhost:9995.")
    tool = choose_tool(target, probe, serial=serial, remote=remote, must_exist=not dry_run)
    with tempfile.TemporaryDirectory() as scratch:
        job = Job(found.elf.absolute(), target, serial, remote, Path(scratch))
        if dry_run:
            for step in tool.steps(job):
                stdout.print(shlex.join(step.command), soft_wrap=True, markup=False)
            return
        if not stderr.is_terminal:
            flash_board(job, tool)
        else:
            with stderr.status(f"{tool.name} flashes {target.title}"):
                flash_board(job, tool)
    stdout.print(f"{target.title}: flashed, compared, started ({tool.name})", markup=False)


def _check_board(found: BuiltImage, board: Board) -> None:
    """The image was built for the board's chip, as far as its report tells.

    Raises:
        UsageError: It was built for another one.
    """
    if not any(found.elf.with_name(name).is_file() for name in REPORTS):
        return
    own = load_built_board(find_image(found.elf, None))
    if own.profile.name != board.profile.name:
        raise UsageError(
            f"{found.elf} is built for {own.title}, not for {board.title}",
            f"Build it again with --board {board.name}.",
        )


def _check_places(found: BuiltImage, board: Board) -> None:
    """All of the image lies in the chip's own flash.

    Raises:
        UsageError: Parts lie elsewhere.
    """
    flash = board.code_memory
    outside = [a for a, _ in Image(found.elf).segments if not flash.address <= a < flash.end]
    if outside:
        raise UsageError(
            f"the image has weights at {outside[0]:#010x}, outside of the chip's own flash",
            "Flash them with the loader of that memory: firmware.hex holds both parts.",
        )


def _check_age(found: BuiltImage) -> None:
    """The image is not older than the model beside it.

    Raises:
        InputFileError: It is.
    """
    model = found.elf.with_name("model.tflite")
    if model.is_file() and model.stat().st_mtime > found.elf.stat().st_mtime + 1:
        raise InputFileError(
            f"{found.elf} is older than {model}", "Build again, so that the board runs this model."
        )
