"""The watchdog of a build: how its registers make the wanted time."""

from __future__ import annotations

from dataclasses import replace

from tinydeploy.board.board import Board, Watchdog
from tinydeploy.errors import UsageError

# The independent watchdog of all STM32 (RM0433, IWDG): its clock divided by 4 << prescaler counts
# down from a reload value.
_PRESCALERS = 7
_RELOADS = 1 << 12
_LEAST_S = 0.1


def with_watchdog(board: Board, seconds: float) -> Board:
    """The board with a watchdog that resets the chip when a layer's call takes longer than that.

    Raises:
        UsageError: The chip has no watchdog that the firmware can start, or not for that time.
    """
    clock = board.profile.watchdog_hz
    if not clock:
        raise UsageError(
            f"the firmware knows no watchdog of {board.title}", "Leave --watchdog out."
        )
    most = _RELOADS * (4 << _PRESCALERS - 1) / clock
    if not _LEAST_S <= seconds <= most:
        raise UsageError(
            f"a watchdog of {seconds:g} s cannot be had on {board.title}",
            f"Give {_LEAST_S:g} to {int(most)} seconds.",
        )
    prescaler = next(n for n in range(_PRESCALERS) if seconds * clock <= _RELOADS * (4 << n))
    reload = max(round(seconds * clock / (4 << prescaler)) - 1, 1)
    return replace(board, watchdog=Watchdog(round(1000 * seconds), prescaler, reload))
