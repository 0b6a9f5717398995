"""Boards as data: boards/<name>.toml on top of a chip profile, boards/chips/<chip>.toml."""

from tinydeploy.board.baud import with_baud
from tinydeploy.board.board import (
    CORES,
    SINGLE_PRECISION,
    USES,
    AcceleratorPort,
    Board,
    Chip,
    ClockGate,
    Console,
    ExternalClock,
    Link,
    Memory,
    Pin,
    SdioPort,
    Uart,
    Watchdog,
    choose_link,
)
from tinydeploy.board.read import list_boards, list_chips, load_board, load_chip
from tinydeploy.board.watchdog import with_watchdog

__all__ = [
    "CORES",
    "SINGLE_PRECISION",
    "USES",
    "AcceleratorPort",
    "Board",
    "Chip",
    "ClockGate",
    "Console",
    "ExternalClock",
    "Link",
    "Memory",
    "Pin",
    "SdioPort",
    "Uart",
    "Watchdog",
    "choose_link",
    "list_boards",
    "list_chips",
    "load_board",
    "load_chip",
    "with_baud",
    "with_watchdog",
]
