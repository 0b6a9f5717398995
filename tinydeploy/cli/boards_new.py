"""`tinydeploy boards new` and `tinydeploy boards check`: a board file of one's own."""

from __future__ import annotations

import sys
from collections.abc import Callable
from pathlib import Path
from typing import Annotated, TypeVar

import typer

from tinydeploy.board import Board, list_boards, list_chips, load_board, load_chip
from tinydeploy.board.baud import baud_error
from tinydeploy.board.choices import (
    MistakeError,
    choose_baud,
    choose_clock_kind,
    choose_external_clock,
    choose_name,
    choose_pin,
    choose_probe,
    choose_text,
    choose_uart,
)
from tinydeploy.board.new import NewBoard, write_board
from tinydeploy.cli.console import stderr, stdout
from tinydeploy.errors import TinydeployError, UsageError

_Answer = TypeVar("_Answer")


def new(
    name: Annotated[
        str | None, typer.Option(metavar="NAME", help="Name on the command line, e.g. my-board.")
    ] = None,
    title: Annotated[
        str | None, typer.Option(metavar="TEXT", help="The board's name as printed on it.")
    ] = None,
    chip: Annotated[
        str | None, typer.Option(metavar="CHIP", help="Its chip: tinydeploy boards lists them.")
    ] = None,
    order_code: Annotated[
        str | None, typer.Option(metavar="TEXT", help="The chip's whole name, e.g. STM32H743VIT6.")
    ] = None,
    uart: Annotated[
        str | None, typer.Option(metavar="UART", help="The console's UART, e.g. USART3.")
    ] = None,
    tx: Annotated[
        str | None, typer.Option(metavar="PIN", help="Its transmit pin, e.g. PD8.")
    ] = None,
    rx: Annotated[
        str | None, typer.Option(metavar="PIN", help="Its receive pin, e.g. PD9.")
    ] = None,
    baud: Annotated[int | None, typer.Option(metavar="N", help="Its speed.")] = None,
    clock: Annotated[
        int | None, typer.Option(metavar="HZ", help="Clock at the chip's OSC_IN pin; 0: none.")
    ] = None,
    clock_kind: Annotated[
        str | None, typer.Option(metavar="KIND", help="What makes it: signal or crystal.")
    ] = None,
    openocd: Annotated[
        str | None,
        typer.Option(metavar="FILE", help='OpenOCD\'s configuration of the board; "": none.'),
    ] = None,
    pyocd: Annotated[
        str | None, typer.Option(metavar="TARGET", help='pyOCD\'s name of the chip; "": none.')
    ] = None,
    output: Annotated[
        Path | None,
        typer.Option("--output", "-o", metavar="FILE", help="Default: NAME.toml, here."),
    ] = None,
) -> None:
    """Write the file of a new board with a known chip.

    Asks for what no option says, and checks each answer at once. Input that is no terminal is not
    asked: what has a default gets it.
    """
    chips = list_chips()
    chosen = _ask("name", "Name on the command line", name, None, _new_name)
    board_title = _ask("title", "Name as printed on it", title, chosen.upper(), choose_text)
    profile = _ask("chip", f"Chip ({', '.join(chips)})", chip, None, load_chip)
    code = _ask(
        "order-code", "The chip's whole name", order_code, profile.name.upper(), choose_text
    )
    uarts = ", ".join(entry.name for entry in profile.uarts)
    console = _ask("uart", f"Console ({uarts})", uart, None, lambda n: choose_uart(profile, n))
    pins = {}
    for key, given in (("tx", tx), ("rx", rx)):
        there = [pin.name for pin in getattr(console, key)]
        if there or given is not None:
            pins[key] = _ask(
                key,
                f"{key.upper()} pin ({', '.join(there)})",
                given,
                there[0] if len(there) == 1 else None,
                lambda n, key=key: choose_pin(console, key, n),  # type: ignore[misc]
            )
    speed = _ask("baud", "Baud", baud, "115200", lambda n: choose_baud(console, _number(n)))
    hertz, kind = 0, "signal"
    if profile.external_clock is not None or clock:
        hertz = _ask(
            "clock",
            "Clock at OSC_IN in Hz (0: none)",
            clock,
            "0",
            lambda n: choose_external_clock(profile, _number(n)),
        )
    if hertz:
        kind = _ask("clock-kind", "signal or crystal", clock_kind, None, choose_clock_kind)
    probes = {}
    default = load_board(profile.default_board).probes
    for tool, given, known in (
        ("openocd", openocd, ""),
        ("pyocd", pyocd, default.get("pyocd", "")),
    ):
        if found := _ask(tool, f"{tool}'s configuration", given, known, choose_probe):
            probes[tool] = found
    path = output or Path(f"{chosen}.toml")
    board = write_board(
        NewBoard(
            chosen, board_title, profile, code, console, pins.get("tx"), pins.get("rx"), speed,
            hertz, kind, probes,
        ),
        path,
    )  # fmt: skip
    _describe(board)
    stdout.print(f"wrote {path}; use it: tinydeploy build --board {path}", markup=False)


def check(
    file: Annotated[Path, typer.Argument(metavar="FILE", help="A board's file, ending in .toml.")],
) -> None:
    """Check the file of a board, and say what it means."""
    if file.suffix != ".toml":
        raise UsageError(f"{file} is no board file", "Its name must end in .toml.")
    _describe(load_board(str(file)))


def _ask(
    option: str,
    question: str,
    given: object,
    default: str | None,
    parse: Callable[[str], _Answer],
) -> _Answer:
    """What an option says, or else a person, asked until the answer is right, or the default."""
    if given is not None:
        return _parse_option(option, str(given), parse)
    if not sys.stdin.isatty():
        if default is None:
            raise UsageError(f"--{option} is missing", "Nobody is there to ask: say it.")
        return _parse_option(option, default, parse)
    while True:
        answer = typer.prompt(question, default=default, err=True)
        try:
            return parse(str(answer).strip())
        except MistakeError as error:
            stderr.print(f"{error}. {error.hint}", markup=False)
        except TinydeployError as error:
            stderr.print(f"{error.message}. {error.hint}", markup=False)


def _parse_option(option: str, text: str, parse: Callable[[str], _Answer]) -> _Answer:
    try:
        return parse(text)
    except MistakeError as error:
        raise UsageError(f"--{option}: {error}", error.hint) from error


def _new_name(name: str) -> str:
    if name in (*list_boards(), *list_chips()):
        raise MistakeError(f"there is a board '{name}'", "Choose another name.")
    return choose_name(name)


def _number(text: str) -> int:
    try:
        return int(text.replace("_", ""))
    except ValueError:
        raise MistakeError(f"'{text}' is no number", "Write digits alone.") from None


def _describe(board: Board) -> None:
    console = board.console
    core = board.cpu.title()
    stdout.print(
        f"{board.name}: {board.title}, {board.chip}, {core} at {board.clock_hz // 1_000_000} MHz",
        markup=False,
    )
    error = baud_error(console.uart, console.kernel_clock_hz, console.baud) or 0.0
    pins = ", ".join(f"{pin.name} with AF{pin.function}" for pin in console.pins)
    stdout.print(
        f"console {console.uart}, {pins or 'fixed pins'}, {console.baud} baud ({error:+.2%})",
        markup=False,
    )
    kind = "crystal" if board.external_crystal else "signal"
    clock = f"{board.external_clock_hz} Hz {kind}" if board.external_clock_hz else "internal"
    stdout.print(f"clock   {clock}")
    probes = ", ".join(f"{tool} {name}" for tool, name in board.probes.items())
    stdout.print(f"probes  {probes or 'none: tinydeploy flash cannot write it'}", markup=False)
