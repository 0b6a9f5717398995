"""A board to talk to: the one at a serial port, or an emulated one; the same code from there on."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from enum import StrEnum
from typing import Annotated

import typer

from tinydeploy.board import Board
from tinydeploy.cli.image import BuiltImage, load_built_board
from tinydeploy.emulate.emulated_board import EmulatedBoard
from tinydeploy.emulate.image import Image
from tinydeploy.emulate.qemu import QemuBoard
from tinydeploy.errors import BoardLinkError, InputFileError, UsageError
from tinydeploy.link.client import BoardClient, Hello
from tinydeploy.link.ports import choose_port
from tinydeploy.link.transport import SerialTransport, Transport
from tinydeploy.validate.accelerator import SIMULATOR

_BUILD_ID_BYTES = 8


class Where(StrEnum):
    """Values of --on."""

    EMULATOR = "emulator"
    QEMU = "qemu"
    BOARD = "board"


PortOption = Annotated[
    str | None,
    typer.Option(
        metavar="PORT",
        help="Serial port of the board, e.g. /dev/ttyACM0 or COM3. Default: the one ST-LINK's.",
    ),
]


@dataclass(frozen=True, eq=False)
class Attached:
    """A board that answers and runs the image it should.

    Args:
        client: The conversation.
        transport: Its line, for text commands.
        hello: What the board says of itself.
        board: Its description.
    """

    client: BoardClient
    transport: Transport
    hello: Hello
    board: Board


@contextmanager
def attach_board(built: BuiltImage, where: Where, port: str | None) -> Iterator[Attached]:
    """Boots the image in the emulated board, or finds it running on the attached one.

    An image that needs an accelerator gets the simulated one beside its emulated board.

    Args:
        built: The image that is to answer.
        where: Which board.
        port: Serial port of a real one; None for the ST-LINK's.

    Raises:
        UsageError: A port is named for an emulated board, several ST-LINKs are there, or QEMU has
            no such board.
        BoardLinkError: No board answers, or it runs another image.
        EmulationError: The firmware faults.
    """
    if where is not Where.BOARD and port is not None:
        raise UsageError("the emulated board needs no port", "Use --on board with --port.")
    board = load_built_board(built)
    with _open_line(built, board, where, port) as line:
        client = BoardClient(line)
        hello = client.hello()
        _check_build(hello, built)
        yield Attached(client, line, hello, board)


def read_build_id(image: Image) -> bytes:
    """The 8 bytes that identify an image; app_model.build_id lies where app_model begins.

    Raises:
        InputFileError: It is no firmware of tinydeploy.
    """
    found = image.code_at(image.symbols.get("app_model", 0), _BUILD_ID_BYTES)
    if "app_model" not in image.symbols or not found:
        raise InputFileError(
            "the image holds no build id", "Name the firmware.elf of a build, or its folder."
        )
    return found


def _check_build(hello: Hello, built: BuiltImage) -> None:
    """Raises BoardLinkError where the board runs another image than the build's."""
    expected = read_build_id(Image(built.elf))
    if hello.build_id != expected:
        raise BoardLinkError(
            f"the board runs build {hello.build_id.hex()} of model {hello.model} for "
            f"{hello.board}, not build {expected.hex()} in {built.elf.parent}",
            f"Write that to the board first: tinydeploy flash {built.elf.parent}",
        )


def refuse_qemu(where: Where) -> None:
    """Raises UsageError where something is to be measured in QEMU, whose counter is a timer."""
    if where is Where.QEMU:
        raise UsageError(
            "QEMU is there to validate, not to measure",
            "Use --on emulator: it counts the same instructions.",
        )


@contextmanager
def _open_line(
    built: BuiltImage, board: Board, where: Where, port: str | None
) -> Iterator[Transport]:
    if where is Where.EMULATOR:
        wired = SIMULATOR if built.accelerated else ""
        with EmulatedBoard(built.elf, board, accelerator=wired, link=built.link) as emulated:
            yield emulated.transport
    elif where is Where.QEMU:
        with QemuBoard(built.elf, board) as machine:
            yield machine
    else:
        with SerialTransport(_find_port(port), board.console.baud) as line:
            yield line


def _find_port(port: str | None) -> str:
    """The port, with a word about the way that needs none where there is no board."""
    try:
        return choose_port(port)
    except BoardLinkError as error:
        hint = f"{error.hint} Without a board: --on emulator."
        raise BoardLinkError(error.message, hint) from error
