"""The console's UART: STM32's USART with the ISR/RDR/TDR register layout (H7, L4, F7).

A byte takes no time: the transmitter is always empty, and the receiver hands out what the host has
sent as fast as the firmware reads. Everything that decides whether a byte passes at all is checked:
clocks, pins, enables, baud rate.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Callable

from tinydeploy.board import Console
from tinydeploy.emulate.peripherals.family import BAUD_TOLERANCE, Family, Supervisor

CR1, CR2, CR3, BRR, RQR, ISR, ICR, RDR, TDR, PRESC = (
    0x00, 0x04, 0x08, 0x0C, 0x18, 0x1C, 0x20, 0x24, 0x28, 0x2C,
)  # fmt: skip
_UE, _RE, _TE, _RXNEIE, _TCIE, _TXEIE, _OVER8 = 1, 1 << 2, 1 << 3, 1 << 5, 1 << 6, 1 << 7, 1 << 15
_RXNE, _TC, _TXE, _TEACK, _REACK = 1 << 5, 1 << 6, 1 << 7, 1 << 21, 1 << 22
_DIVIDERS = (1, 2, 4, 6, 8, 10, 12, 16, 32, 64, 128, 256)

# After so many looks at an empty receiver it is worth while to see whether the host has sent
# something.
_LOOK_EVERY = 16
# After so many, with nothing sent or received in between, the firmware waits for the host: it has
# worked off what it may have buffered itself.
_IDLE_POLLS = 320


class Uart:
    """One USART.

    Args:
        console: Which one, its pins and its baud rate.
        family: For clocks and pins.
        supervisor: For reports.
        send: Takes each transmitted byte.
        look: Called while the receiver is empty; may put bytes into `received`. Its argument says
            whether the firmware has nothing to do but wait, so that it may take its time.
    """

    def __init__(
        self,
        console: Console,
        family: Family,
        supervisor: Supervisor,
        send: Callable[[int], None],
        look: Callable[[bool], None],
    ) -> None:
        self.window = (console.address, 0x400)
        self.received: deque[int] = deque()
        self._console, self._family, self._supervisor = console, family, supervisor
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
        return bool(self._words.get(CR1, 0) & _RXNEIE)

    def interrupts(self) -> bool:
        """Whether the UART asks for an interrupt now."""
        enables = self._words.get(CR1, 0)
        return bool(enables & _RXNEIE and self.received) or bool(enables & (_TCIE | _TXEIE))

    def read(self, address: int) -> int:
        """Reads a register."""
        offset = address - self.window[0]
        if offset == ISR:
            if self.received:
                if not self._checked:
                    self._check()
                return _TXE | _TC | _RXNE | _TEACK | _REACK
            self._polls += 1
            if self._polls >= _IDLE_POLLS or self._polls % _LOOK_EVERY == 0:
                self._look(self._polls >= _IDLE_POLLS)
            enabled = self._words.get(CR1, 0)
            acknowledged = (_TEACK if enabled & _TE else 0) | (_REACK if enabled & _RE else 0)
            return _TXE | _TC | (acknowledged if enabled & _UE else 0)
        if offset == RDR:
            self._polls = 0
            return self.received.popleft() if self.received else 0
        return self._words.get(offset, 0) if self._family.is_uart_clocked(self._console) else 0

    def write(self, address: int, value: int) -> None:
        """Writes a register."""
        offset = address - self.window[0]
        if offset == TDR:
            self._polls = 0
            if not self._checked:
                self._check()
            self._send(value & 0xFF)
            return
        if not self._family.is_uart_clocked(self._console):
            self._supervisor.violate(f"{self._console.uart} is written while its clock is off")
            return
        if offset == BRR and self._words.get(CR1, 0) & _UE:
            self._supervisor.violate(
                f"{self._console.uart}: BRR is written while the UART is enabled"
            )
        self._words[offset] = value
        self._checked = False

    def baud(self) -> float:
        """Bits per second as clocks and registers make them; 0 where BRR is 0."""
        divider = self._words.get(BRR, 0)
        clock = self._family.uart_clock_hz(self._console)
        clock /= _DIVIDERS[min(self._words.get(PRESC, 0) & 15, len(_DIVIDERS) - 1)]
        if self._console.uart.startswith("LPUART"):
            return 256 * clock / divider if divider else 0.0
        if self._words.get(CR1, 0) & _OVER8:
            divider = divider & 0xFFF0 | (divider & 7) << 1
            clock *= 2
        return clock / divider if divider else 0.0

    def _check(self) -> None:
        """Reports what would keep a byte from passing on the real board."""
        self._checked = True
        console = self._console
        problems = []
        if not self._family.is_uart_clocked(console):
            problems.append(f"{console.uart} is used while its clock is off")
        elif missing := [
            name
            for bit, name in ((_UE, "UE"), (_TE, "TE"), (_RE, "RE"))
            if not self._words.get(CR1, 0) & bit
        ]:
            problems.append(f"{console.uart} is used with CR1.{', CR1.'.join(missing)} clear")
        problems += self._family.console_problems(console)
        if not problems:
            baud = self.baud()
            if abs(baud - console.baud) > BAUD_TOLERANCE * console.baud:
                problems.append(
                    f"{console.uart} runs at {baud:.0f} baud instead of {console.baud}"
                    f" (its clock is {self._family.uart_clock_hz(console):.0f} Hz)"
                )
        for problem in problems[:1]:
            self._supervisor.violate(problem)
