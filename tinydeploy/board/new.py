"""Writes the file of a new board with a known chip."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from tinydeploy.board.board import Board, Chip, Pin, Uart
from tinydeploy.board.read import load_board
from tinydeploy.errors import OutputError


@dataclass(frozen=True)
class NewBoard:
    """What a person decides about a board; each entry as the rules want it.

    Args:
        name: Name on the command line.
        title: The vendor's name of the board.
        chip: Its chip.
        order_code: The vendor's name of the chip.
        uart: The console's UART.
        tx: Its transmit pin; None where the chip has no choice of pins.
        rx: Its receive pin, likewise.
        baud: Bits per second.
        external_clock_hz: Clock at OSC_IN; 0: none.
        clock_kind: "signal" or "crystal".
        probes: Configuration names by flashing tool.
    """

    name: str
    title: str
    chip: Chip
    order_code: str
    uart: Uart
    tx: Pin | None
    rx: Pin | None
    baud: int
    external_clock_hz: int
    clock_kind: str
    probes: Mapping[str, str]


def format_board(new: NewBoard) -> str:
    """The text of the board's file."""
    parts = [
        f'name = "{new.name}"\ntitle = {_quote(new.title)}\nchip = "{new.chip.name}"\n'
        f"order_code = {_quote(new.order_code)}\n"
    ]
    if new.external_clock_hz:
        parts.append(
            f'[external_clock]\nhz = {new.external_clock_hz:_}\nkind = "{new.clock_kind}"\n'
        )
    pins = "".join(
        f'{key} = "{pin.name}"\n' for key, pin in (("tx", new.tx), ("rx", new.rx)) if pin
    )
    parts.append(f'[console]\nuart = "{new.uart.name}"\n{pins}baud = {new.baud:_}\n')
    if new.probes:
        entries = "".join(f"{tool} = {_quote(name)}\n" for tool, name in new.probes.items())
        parts.append(f"[probe]\n{entries}")
    return "\n".join(parts)


def write_board(new: NewBoard, path: Path) -> Board:
    """Writes the board's file and reads it as everyone will.

    Raises:
        OutputError: There is such a file already, or it cannot be written.
        InputFileError: The file breaks a rule; it is removed again.
    """
    try:
        with path.open("x", encoding="utf-8") as file:
            file.write(format_board(new))
    except FileExistsError as error:
        raise OutputError(
            f"{path} is there already", "Give another name, or remove it first."
        ) from error
    except OSError as error:
        raise OutputError(
            f"cannot write {path}: {error.strerror or error}", "Is there such a folder?"
        ) from error
    try:
        return load_board(str(path))
    except BaseException:
        path.unlink()
        raise


def _quote(text: str) -> str:
    """A TOML string of printable ASCII."""
    escaped = text.replace("\\", "\\\\").replace('"', '\\"')
    return f'"{escaped}"'
