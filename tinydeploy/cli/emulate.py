"""`tinydeploy emulate`: keep an emulated board running, for tools to connect to."""

from __future__ import annotations

import time
from contextlib import ExitStack
from pathlib import Path
from typing import Annotated

import typer

from tinydeploy.board import load_board
from tinydeploy.cli.console import stderr
from tinydeploy.cli.image import find_image
from tinydeploy.emulate.debug_port import DebugServer, parse_port
from tinydeploy.emulate.emulated_board import EmulatedBoard
from tinydeploy.errors import UsageError

_LOOK_EVERY_S = 0.2


def emulate(
    image: Annotated[
        Path | None,
        typer.Argument(
            metavar="IMAGE",
            help="A build's output folder, or its firmware.elf. Default: erased flash.",
        ),
    ] = None,
    board: Annotated[
        str | None,
        typer.Option("--board", "-b", metavar="BOARD", help="Default: the board of the build."),
    ] = None,
    debug_port: Annotated[
        str | None,
        typer.Option(
            metavar="PORT",
            help="Let OpenOCD (remote_bitbang) and pyOCD (remote probe) attach at a TCP port.",
        ),
    ] = None,
    gdb: Annotated[
        str | None,
        typer.Option(metavar="PORT", help="Let gdb attach at a TCP port, e.g. :3333."),
    ] = None,
) -> None:
    """Run an emulated board until Ctrl-C, or until its firmware stops.

    Where a debugger may attach, a firmware that has stopped waits for it.
    """
    if image is None and board is None:
        raise UsageError("which board?", "Name a build's folder, or --board BOARD.")
    elf = None
    if image is not None:
        found = find_image(image, board)
        elf, board = found.elf, found.board
    target = load_board(str(board))
    debugged = debug_port is not None or gdb is not None
    with EmulatedBoard(elf, target, debug=debugged) as emulated, ExitStack() as services:
        what = "erased flash" if elf is None else str(elf)
        _tell(f"{target.title}, emulated: {what}")
        for name, text in (("OpenOCD, pyOCD", debug_port), ("gdb", gdb)):
            if text is not None:
                server = services.enter_context(
                    DebugServer(emulated, parse_port(text), gdb=name == "gdb")
                )
                _tell(f"{name}: localhost:{server.port}")
        _tell("Ctrl-C ends it")
        _wait(emulated, debugged=debugged)


def _tell(text: str) -> None:
    stderr.print(text, markup=False, soft_wrap=True)


def _wait(emulated: EmulatedBoard, *, debugged: bool) -> None:
    """Until Ctrl-C; raises why the firmware has stopped, or tells it where a debugger may come."""
    told = ""
    try:
        while True:
            failure = emulated.failure()
            if failure is not None and not (debugged and emulated.process.is_alive()):
                raise failure
            if failure is not None and failure.message != told:
                _tell(failure.message)
            told = "" if failure is None else failure.message
            time.sleep(_LOOK_EVERY_S)
    except KeyboardInterrupt:
        return
