"""`tinydeploy emulate`: keep an emulated board running, for tools to connect to."""

from __future__ import annotations

import time
from contextlib import ExitStack
from pathlib import Path
from typing import Annotated

import typer

from tinydeploy.cli.console import stderr
from tinydeploy.cli.image import find_image, load_built_board
from tinydeploy.emulate.emulated_board import EmulatedBoard
from tinydeploy.emulate.pty_bridge import PtyBridge

_LOOK_EVERY_S = 0.2


def emulate(
    image: Annotated[
        Path, typer.Argument(metavar="IMAGE", help="A build's output folder, or its firmware.elf.")
    ],
    board: Annotated[
        str | None,
        typer.Option("--board", "-b", metavar="BOARD", help="Default: the board of the build."),
    ] = None,
    pty: Annotated[
        bool,
        typer.Option(
            "--pty", help="Give the board's serial port a name in this system, and print it."
        ),
    ] = False,
) -> None:
    """Run an image in the emulated board until Ctrl-C, or until the firmware stops."""
    found = find_image(image, board)
    target = load_built_board(found)
    with EmulatedBoard(found.elf, target) as emulated, ExitStack() as services:
        if pty:
            typer.echo(services.enter_context(PtyBridge(emulated)).port)
        stderr.print(f"{target.title}, emulated, runs {found.elf} (Ctrl-C ends it)", markup=False)
        _wait(emulated)


def _wait(emulated: EmulatedBoard) -> None:
    """Returns at Ctrl-C; raises why the firmware has stopped."""
    try:
        while (failure := emulated.failure()) is None:
            time.sleep(_LOOK_EVERY_S)
    except KeyboardInterrupt:
        return
    raise failure
