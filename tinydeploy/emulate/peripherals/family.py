"""What every chip family's model provides, and what it may ask of the machine."""

from __future__ import annotations

import importlib
from collections import deque
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Protocol

from tinydeploy.board import Board, Console
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
        pass_time: Lets so many cycles pass at once, as if the firmware had polled on.
        recheck: Has interrupts and alarms looked at again before the next block of instructions.
    """

    now: Callable[[], int]
    violate: Callable[[str], None]
    pass_time: Callable[[int], None] = lambda cycles: None
    recheck: Callable[[], None] = lambda: None


class ConsoleUart(Protocol):
    """The console's UART."""

    window: tuple[int, int]  # address and bytes of its registers
    received: deque[int]  # bytes from the host that the firmware has not read
    wants_interrupt: bool

    def read(self, address: int) -> int:
        """Reads the word register at an address."""

    def write(self, address: int, value: int) -> None:
        """Writes the word register at an address."""

    def interrupts(self) -> bool:
        """Whether the UART asks for an interrupt now."""

    def recheck(self) -> None:
        """Clocks or pins have changed: looks at them again before the next byte."""

    def baud(self) -> float:
        """Bits per second as clocks and registers make them; 0 where they make none."""


class Unit(Protocol):
    """A peripheral of a chip whose registers change nothing for others."""

    windows: tuple[tuple[int, int], ...]

    def read(self, address: int) -> int:
        """Reads the word register at an address inside one of `windows`."""

    def write(self, address: int, value: int) -> None:
        """Writes the word register at an address inside one of `windows`."""


class Family(Protocol):
    """The clock, power and pin registers of a chip family, and its UART."""

    units: tuple[Unit, ...]  # what it has besides
    windows: tuple[tuple[int, int], ...]  # (address, bytes) of the registers that are modelled
    spaces: tuple[tuple[int, int], ...]  # (first, end) of where the chip has peripherals
    core_registers: Mapping[int, int]  # identification of the core, where it is not the usual one

    def read(self, address: int) -> int:
        """Reads the word register at an address inside one of `windows`."""

    def write(self, address: int, value: int) -> None:
        """Writes the word register at an address inside one of `windows`."""

    def core_clock_hz(self) -> float:
        """Clock of the core as the registers make it."""

    def watchdog_deadline(self) -> int | None:
        """Core clock cycles since reset at which the watchdog bites; None while it stands."""

    def note_watchdog_reset(self) -> None:
        """The watchdog has reset the chip: sets the flag that tells."""

    def open_uart(
        self, console: Console, send: Callable[[int], None], look: Callable[[bool], None]
    ) -> ConsoleUart:
        """The console's UART.

        Args:
            console: Which one, its pins and its baud rate.
            send: Takes each transmitted byte.
            look: Called while the receiver is empty; may put bytes into `received`. Its argument
                says whether the firmware has nothing to do but wait, so that it may take its time.
        """


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
