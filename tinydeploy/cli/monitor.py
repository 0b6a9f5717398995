"""`tinydeploy monitor`: the board's console, with faults explained."""

from __future__ import annotations

import time
from pathlib import Path
from typing import Annotated

import typer

from tinydeploy.cli.attached import PortOption, read_build_id
from tinydeploy.cli.console import stderr
from tinydeploy.cli.image import find_image, newest_build
from tinydeploy.emulate.fault_text import explain_fault
from tinydeploy.emulate.image import Image
from tinydeploy.errors import BoardLinkError, UsageError
from tinydeploy.link.client import BoardClient
from tinydeploy.link.ports import choose_port
from tinydeploy.link.transport import SerialTransport

_BAUD = 115_200
_SLICE_S = 0.2


def monitor(
    build: Annotated[
        Path | None,
        typer.Argument(
            metavar="BUILD",
            help="The build that the board runs, or its ELF file, for the source lines of faults. "
            "Default: the newest build in out/, if there is one.",
        ),
    ] = None,
    port: PortOption = None,
    baud: Annotated[
        int | None,
        typer.Option(metavar="N", help="Speed of the console. Default: the build's, or 115200."),
    ] = None,
    seconds: Annotated[
        float | None, typer.Option(min=0, metavar="S", help="End after so long. Default: Ctrl-C.")
    ] = None,
) -> None:
    """Show what the board prints: its boot message, self-test, faults.

    Press the board's reset button to see it boot. A fault is explained: what happened, at which
    source line, called from where. Other serial terminals work as well.
    """
    image, speed = _read_build(build)
    name = choose_port(port)
    with SerialTransport(name, baud or speed) as line:
        stderr.print(f"{name}, {baud or speed} baud (Ctrl-C ends it)", markup=False)
        screen = _Screen(image)
        client = BoardClient(line, on_text=screen.show, attempts=2)
        try:
            stderr.print(_greet(client, image), markup=False, soft_wrap=True)
            _listen(client, seconds)
        except KeyboardInterrupt:
            stderr.print()
        finally:
            screen.end()


class _Screen:
    """Shows text as it comes, and an explanation behind each line that reports a fault.

    Args:
        image: For source lines; None where the build is not known.
    """

    def __init__(self, image: Image | None) -> None:
        self._image = image
        self._line = ""

    def show(self, text: str) -> None:
        """Shows a piece of text."""
        for piece in text.replace("\r\n", "\n").replace("\r", "\n").splitlines(keepends=True):
            typer.echo(_printable(piece), nl=False)
            self._line += piece
            if piece.endswith("\n"):
                for said in explain_fault(self._line, self._image):
                    typer.echo(said)
                self._line = ""

    def end(self) -> None:
        """Ends a line that is not complete."""
        if self._line:
            typer.echo()


def _printable(text: str) -> str:
    """Without what would steer the terminal: a board of someone else's, or noise, may send it."""
    return "".join(c if c in "\n\t" or c.isprintable() else "·" for c in text)


def _greet(client: BoardClient, image: Image | None) -> str:
    """Says who answers; a board that is silent may print nevertheless."""
    try:
        hello = client.hello()
    except BoardLinkError as error:
        return f"no firmware of tinydeploy answers: {error.message}; listening"
    who = f"{hello.model} on {hello.board}, build {hello.build_id.hex()}"
    if image is not None and hello.build_id != read_build_id(image):
        return f"{who}: not the build that was named, source lines of faults would be wrong"
    return who


def _listen(client: BoardClient, seconds: float | None) -> None:
    end = None if seconds is None else time.monotonic() + seconds
    while end is None or time.monotonic() < end:
        client.read_text(_SLICE_S)


def _read_build(build: Path | None) -> tuple[Image | None, int]:
    """The image, and the speed of its console."""
    try:
        found = find_image(newest_build() if build is None else build, "")  # any board's
    except UsageError:
        return None, _BAUD
    return Image(found.elf), found.baud or _BAUD
