"""The speed of a console, and whether its UART can make it."""

from __future__ import annotations

from dataclasses import replace
from typing import Final

from tinydeploy.board.board import Board
from tinydeploy.errors import UsageError

MOST_ERROR: Final = 0.02
"""Of a UART's speed: sampling in the middle of ten bits bears some 5 % between both ends."""

# Dividers as the reference manuals have them at the register BRR: 16 bits and oversampling by 16;
# of an LPUART 20 bits, of 256 times the ratio, at least 0x300.
_LEAST, _MOST = 16, 0xFFFF
_LP_LEAST, _LP_MOST = 0x300, 0xFFFFF


def with_baud(board: Board, baud: int) -> Board:
    """The board with its console at another speed.

    Raises:
        UsageError: The UART's clock cannot be divided to it within 2 %.
    """
    console = board.console
    error = baud_error(console.uart, console.kernel_clock_hz, baud)
    if error is None or abs(error) > MOST_ERROR:
        off = "out of its range" if error is None else f"{error:+.1%} off"
        raise UsageError(
            f"{console.uart} of {board.title}, at {console.kernel_clock_hz / 1e6:g} MHz, cannot "
            f"run at {baud} baud: {off}",
            "115200 always works; 460800 and 921600 usually do.",
        )
    return replace(board, console=replace(console, baud=baud))


def baud_error(uart: str, clock_hz: int, baud: int) -> float | None:
    """How far a UART's speed is off the wanted one, as a share of it; None where out of range."""
    low_power = uart.startswith("LPUART")
    factor = 256 if low_power else 1
    divider = round(factor * clock_hz / baud) if baud > 0 else 0
    least, most = (_LP_LEAST, _LP_MOST) if low_power else (_LEAST, _MOST)
    if not least <= divider <= most:
        return None
    return factor * clock_hz / divider / baud - 1
