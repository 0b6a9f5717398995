"""`tinydeploy emulate`: keep an emulated board running, for tools to connect to."""

from __future__ import annotations

import time
from contextlib import ExitStack
from pathlib import Path
from typing import Annotated

import typer

from tinydeploy.board import load_board
from tinydeploy.cli.console import stderr
from tinydeploy.cli.image import find_image, load_built_board
from tinydeploy.cli.options import AcceleratorOption, LinkOption
from tinydeploy.emulate.debug_port import DebugServer, parse_port
from tinydeploy.emulate.emulated_board import EmulatedBoard
from tinydeploy.emulate.pty_bridge import PtyBridge
from tinydeploy.errors import UsageError
from tinydeploy.validate.accelerator import SIMULATOR

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
    pty: Annotated[
        bool,
        typer.Option(
            "--pty", help="Give the board's serial port a name in this system, and print it."
        ),
    ] = False,
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
    accelerator: AcceleratorOption = None,
    link: LinkOption = None,
) -> None:
    """Run an emulated board until Ctrl-C, or until its firmware stops.

    A build with an accelerator gets its TinyNPU beside it, without being asked.

    Where a debugger may attach, a firmware that has stopped waits for it.
    """
    if image is not None:
        found = find_image(image, board)
        elf, target, what = found.elf, load_built_board(found), str(found.elf)
        needs_accelerator, built_link = found.accelerated, found.link
    elif board is not None:
        elf, target, what = None, load_board(board), "erased flash"
        needs_accelerator, built_link = False, "spi"
    else:
        raise UsageError("which board?", "Name a build's folder, or --board BOARD.")
    debugged = debug_port is not None or gdb is not None
    if elf is None and not debugged:
        raise UsageError("nothing can be done with erased flash", "Add --debug-port or --gdb.")
    wired = SIMULATOR if accelerator is not None or needs_accelerator else ""
    if link is not None and not wired:
        raise UsageError("--link says how an accelerator is linked", "Add --accelerator tinynpu.")
    wires = built_link if link is None else link.value
    with (
        EmulatedBoard(elf, target, debug=debugged, accelerator=wired, link=wires) as emulated,
        ExitStack() as services,
    ):
        if pty:
            typer.echo(services.enter_context(PtyBridge(emulated)).port)
        for name, port in (("OpenOCD, pyOCD", debug_port), ("gdb", gdb)):
            if port is not None:
                server = DebugServer(emulated, parse_port(port), gdb=name == "gdb")
                _tell(f"{name}: localhost:{services.enter_context(server).port}")
        _tell(f"{target.title}, emulated, runs {what} (Ctrl-C ends it)")
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
