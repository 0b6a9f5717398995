"""What every chip family's model provides, and what it may ask of the machine."""

from __future__ import annotations

import importlib
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Protocol

from tinydeploy.board import Board, Console
from tinydeploy.emulate.peripherals.uart_layout import UartLayout
from tinydeploy.errors import UsageError

# Oscillators and PLLs are ready this many instructions after they were turned on: firmware has to
# wait for the flag.
START_UP = 500

# Beyond this deviation a UART link is not reliable (two frames of ten bits, sampled in the middle).
BAUD_TOLERANCE = 0.02


@dataclass(frozen=True)
class Supervisor:
    """What a peripheral may ask of the machine.

    Args:
        now: Core clock cycles since reset.
        violate: Stops the firmware because it broke a rule of the hardware; takes the rule.
    """

    now: Callable[[], int]
    violate: Callable[[str], None]


class Family(Protocol):
    """The clock, power and pin registers of a chip family."""

    windows: tuple[tuple[int, int], ...]  # (address, bytes) of the registers that are modelled
    spaces: tuple[tuple[int, int], ...]  # (first, end) of where the chip has peripherals
    uart_layout: UartLayout
    core_registers: Mapping[int, int]  # identification of the core, where it is not the usual one

    def read(self, address: int) -> int:
        """Reads the word register at an address inside one of `windows`."""

    def write(self, address: int, value: int) -> None:
        """Writes the word register at an address inside one of `windows`."""

    def core_clock_hz(self) -> float:
        """Clock of the core as the registers make it."""

    def uart_clock_hz(self, console: Console) -> float:
        """Clock of the console's baud-rate generator."""

    def console_problems(self, console: Console) -> list[str]:
        """Why the console's pins cannot work: clocks, pin modes, alternate functions."""

    def is_uart_clocked(self, console: Console) -> bool:
        """Whether the console's UART has its bus clock."""


def open_family(board: Board, supervisor: Supervisor) -> Family:
    """The model of the board's chip family.

    Raises:
        UsageError: There is none.
    """
    try:
        module = importlib.import_module(f"tinydeploy.emulate.peripherals.{board.family}")
    except ModuleNotFoundError as error:
        raise UsageError(f"no emulation of the chip family '{board.family}'") from error
    family: Family = module.open_chip(board, supervisor)
    return family
