"""The console's UART: STM32's USART, in the register layout of the chip family.

A byte takes no time: the transmitter is always empty, and the receiver hands out what the host has
sent as fast as the firmware reads. Everything that decides whether a byte passes at all is checked:
clocks, pins, enables, baud rate.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Callable
from typing import Protocol

from tinydeploy.board import Console
from tinydeploy.emulate.peripherals.family import BAUD_TOLERANCE, Supervisor
from tinydeploy.emulate.peripherals.uart_layout import UartLayout

# Bits of CR1 and of the status register, the same in all generations but for UE.
_RE, _TE, _RXNEIE, _TCIE, _TXEIE, _OVER8 = 1 << 2, 1 << 3, 1 << 5, 1 << 6, 1 << 7, 1 << 15
_RXNE, _TC, _TXE, _TEACK, _REACK = 1 << 5, 1 << 6, 1 << 7, 1 << 21, 1 << 22
_DIVIDERS = (1, 2, 4, 6, 8, 10, 12, 16, 32, 64, 128, 256)

# After so many looks at an empty receiver it is worth while to see whether the host has sent
# something.
_LOOK_EVERY = 16
# After so many, with nothing sent or received in between, the firmware waits for the host: it has
# worked off what it may have buffered itself.
_IDLE_POLLS = 320


class Surroundings(Protocol):
    """What a USART needs of the chip around it."""

    def uart_clock_hz(self, console: Console) -> float:
        """Clock of the console's baud-rate generator."""

    def console_problems(self, console: Console) -> list[str]:
        """Why the console's pins cannot work: clocks, pin modes, alternate functions."""

    def is_uart_clocked(self, console: Console) -> bool:
        """Whether the console's UART has its bus clock."""


class Uart:
    """One USART.

    Args:
        console: Which one, its pins and its baud rate.
        surroundings: Clocks and pins.
        layout: Its registers.
        supervisor: For reports.
        send: Takes each transmitted byte.
        look: Called while the receiver is empty; may put bytes into `received`. Its argument says
            whether the firmware has nothing to do but wait, so that it may take its time.
    """

    def __init__(
        self,
        console: Console,
        surroundings: Surroundings,
        layout: UartLayout,
        supervisor: Supervisor,
        send: Callable[[int], None],
        look: Callable[[bool], None],
    ) -> None:
        self.window = (console.address, 0x400)
        self.received: deque[int] = deque()
        self._console, self._chip, self._supervisor = console, surroundings, supervisor
        self.layout = layout
        self._send, self._look = send, look
        self._words: dict[int, int] = {}
        self._polls = 0
        self._checked = False

    def recheck(self) -> None:
        """Clocks or pins have changed: looks at them again before the next byte."""
        self._checked = False

    @property
    def wants_interrupt(self) -> bool:
        """Whether received bytes raise an interrupt."""
        return bool(self._cr1 & _RXNEIE)

    def interrupts(self) -> bool:
        """Whether the UART asks for an interrupt now."""
        enables = self._cr1
        return bool(enables & _RXNEIE and self.received) or bool(enables & (_TCIE | _TXEIE))

    def read(self, address: int) -> int:
        """Reads a register."""
        offset = address - self.window[0]
        if offset == self.layout.status:
            return self._read_status()
        if offset == self.layout.receive:
            self._polls = 0
            return self.received.popleft() if self.received else 0
        return self._words.get(offset, 0) if self._chip.is_uart_clocked(self._console) else 0

    def write(self, address: int, value: int) -> None:
        """Writes a register."""
        offset = address - self.window[0]
        layout, violate, name = self.layout, self._supervisor.violate, self._console.uart
        if offset == layout.transmit:
            self._polls = 0
            if not self._checked:
                self._check()
            self._send(value & 0xFF)
            return
        if not self._chip.is_uart_clocked(self._console):
            violate(f"{name} is written while its clock is off")
            return
        if offset == layout.brr and self._cr1 & layout.enable:
            violate(f"{name}: BRR is written while the UART is enabled")
        if offset == layout.cr1 and value & layout.reserved:
            violate(f"{name}: CR1 is written with bits that it does not have ({value:#010x})")
        self._words[offset] = value
        self._checked = False

    def baud(self) -> float:
        """Bits per second as clocks and registers make them; 0 where BRR is 0."""
        layout = self.layout
        divider = self._words.get(layout.brr, 0)
        clock = self._chip.uart_clock_hz(self._console)
        if layout.prescaler is not None:
            field = self._words.get(layout.prescaler, 0) & 15
            clock /= _DIVIDERS[min(field, len(_DIVIDERS) - 1)]
        if self._console.uart.startswith("LPUART"):
            return 256 * clock / divider if divider else 0.0
        if self._cr1 & _OVER8:
            divider = divider & 0xFFF0 | (divider & 7) << 1
            clock *= 2
        return clock / divider if divider else 0.0

    @property
    def _cr1(self) -> int:
        return self._words.get(self.layout.cr1, 0)

    def _read_status(self) -> int:
        acknowledged = 0
        if self.layout.acknowledges and self._cr1 & self.layout.enable:
            acknowledged |= _TEACK if self._cr1 & _TE else 0
            acknowledged |= _REACK if self._cr1 & _RE else 0
        if self.received:
            if not self._checked:
                self._check()
            return _TXE | _TC | _RXNE | acknowledged
        self._polls += 1
        if self._polls >= _IDLE_POLLS or self._polls % _LOOK_EVERY == 0:
            self._look(self._polls >= _IDLE_POLLS)
        return _TXE | _TC | acknowledged

    def _check(self) -> None:
        """Reports what would keep a byte from passing on the real board."""
        self._checked = True
        console = self._console
        problems = []
        if not self._chip.is_uart_clocked(console):
            problems.append(f"{console.uart} is used while its clock is off")
        elif missing := [
            name
            for bit, name in ((self.layout.enable, "UE"), (_TE, "TE"), (_RE, "RE"))
            if not self._cr1 & bit
        ]:
            problems.append(f"{console.uart} is used with CR1.{', CR1.'.join(missing)} clear")
        problems += self._chip.console_problems(console)
        if not problems:
            baud = self.baud()
            if abs(baud - console.baud) > BAUD_TOLERANCE * console.baud:
                problems.append(
                    f"{console.uart} runs at {baud:.0f} baud instead of {console.baud}"
                    f" (its clock is {self._chip.uart_clock_hz(console):.0f} Hz)"
                )
        for problem in problems[:1]:
            self._supervisor.violate(problem)
