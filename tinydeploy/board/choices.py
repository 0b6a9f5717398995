"""What a board may choose: names, and of what its chip offers UART, pins, speed and clock."""

from __future__ import annotations

import re

from tinydeploy.board.baud import MOST_ERROR, baud_error
from tinydeploy.board.board import Chip, Pin, Uart

# Names go into C, linker scripts, Makefiles and paths as they are.
_NAME = re.compile(r"[a-z][a-z0-9_-]*")
_PROBE = re.compile(r"[A-Za-z0-9_./-]+")
_PRINTABLE = re.compile(r"[ -~]+")


class MistakeError(ValueError):
    """A choice that the chip does not offer.

    Args:
        message: What is wrong.
        hint: What there is to choose from.
    """

    def __init__(self, message: str, hint: str = "") -> None:
        super().__init__(message)
        self.hint = hint


def choose_uart(chip: Chip, name: str) -> Uart:
    """The chip's UART of that name.

    Raises:
        MistakeError: There is none, or none that the firmware can start.
    """
    for uart in chip.uarts:
        if uart.name == name:
            return uart
    names = ", ".join(uart.name for uart in chip.uarts)
    raise MistakeError(
        f"'{name}' is not a UART that the firmware can start on {chip.name}", f"Those are {names}."
    )


def choose_pin(uart: Uart, direction: str, name: str) -> Pin | None:
    """The pin of that name with the alternate function that connects it to the UART.

    Args:
        uart: The UART.
        direction: "tx" or "rx".
        name: As in the data sheet, e.g. "PD8"; empty where the chip has no choice of pins.

    Raises:
        MistakeError: The pin cannot be that.
    """
    pins = uart.tx if direction == "tx" else uart.rx
    for pin in pins:
        if pin.name == name:
            return pin
    if not pins and not name:
        return None
    what = f"'{name}' is not the" if name else "there is no"
    raise MistakeError(
        f"{what} {direction.upper()} pin of {uart.name}",
        f"It can be {', '.join(pin.name for pin in pins)}."
        if pins
        else "Its pins are fixed: leave the entry out.",
    )


def choose_baud(uart: Uart, baud: int) -> int:
    """The baud rate, if the UART can make it of its clock.

    Raises:
        MistakeError: It cannot.
    """
    error = baud_error(uart.name, uart.kernel_clock_hz, baud)
    if error is None or abs(error) > MOST_ERROR:
        off = "out of its range" if error is None else f"{error:+.1%} off"
        raise MistakeError(
            f"{baud} baud cannot be made of {uart.name}'s {uart.kernel_clock_hz} Hz: {off}",
            "115200 always works; 460800 and 921600 usually do.",
        )
    return baud


def choose_external_clock(chip: Chip, hertz: int) -> int:
    """The frequency at OSC_IN, if the firmware can make the chip's full speed of it; 0 is none.

    Raises:
        MistakeError: It cannot.
    """
    limits = chip.external_clock
    if hertz == 0:
        return 0
    if limits is None:
        raise MistakeError(
            f"the firmware starts {chip.name} from its internal oscillator",
            "Leave the external clock out.",
        )
    if not 0 < hertz <= limits.most_hz or hertz % limits.multiple_of_hz:
        raise MistakeError(
            f"the firmware cannot make {chip.name}'s clock of {hertz} Hz",
            f"It takes multiples of {limits.multiple_of_hz} up to {limits.most_hz}; with no"
            " external clock it starts from the internal oscillator.",
        )
    return hertz


def choose_clock_kind(kind: str) -> str:
    """What makes the clock at OSC_IN: "signal" or "crystal".

    Raises:
        MistakeError: Something else.
    """
    if kind not in ("signal", "crystal"):
        raise MistakeError(
            f"an external clock is no '{kind}'",
            "It is a signal at OSC_IN, or a crystal at OSC_IN and OSC_OUT.",
        )
    return kind


def choose_name(name: str) -> str:
    """A board's name.

    Raises:
        MistakeError: It has characters that paths or Makefiles cannot hold.
    """
    if not _NAME.fullmatch(name):
        raise MistakeError(
            f"the name '{name}' must be lower-case letters, digits, _ and -, a letter first"
        )
    return name


def choose_text(text: str) -> str:
    """A title or an order code.

    Raises:
        MistakeError: It cannot stand in a comment of C.
    """
    if not _PRINTABLE.fullmatch(text) or "*/" in text:
        raise MistakeError(f"'{text}' must be printable ASCII and not end a comment")
    return text


def choose_probe(name: str) -> str:
    """The name of a flashing tool's configuration; empty: none.

    Raises:
        MistakeError: It has characters that a Makefile cannot hold.
    """
    if name and not _PROBE.fullmatch(name):
        raise MistakeError(
            f"probe configuration '{name}' has characters other than letters, digits and _ . / -"
        )
    return name
