"""Arm's MPS2 with the images AN386 and AN500: fixed clock, a timer, the design kit's UART.

Registers: Cortex-M System Design Kit (DDI 0479), chapter 4; memory map: DAI 0386 and DAI 0500.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Mapping

from tinydeploy.board import Board, Console
from tinydeploy.emulate.peripherals.family import BAUD_TOLERANCE, Supervisor

_TIMER0 = 0x40000000
_TIMER_CTRL, _TIMER_VALUE, _TIMER_RELOAD, _TIMER_STATUS = 0x00, 0x04, 0x08, 0x0C
_DATA, _STATE, _CTRL, _STATUS, _BAUDDIV = 0x00, 0x04, 0x08, 0x0C, 0x10
_TX_ENABLE, _RX_ENABLE, _TX_INTERRUPT, _RX_INTERRUPT = 1, 2, 4, 8
_RX_FULL = 2
_MAX = 0xFFFFFFFF
_LEAST_BAUDDIV = 16

# As in peripherals.uart: when an empty receiver is worth a look at what the host has sent, and when
# the firmware is seen to wait for it.
_LOOK_EVERY = 16
_IDLE_POLLS = 320


def open_chip(board: Board, supervisor: Supervisor) -> Mps2:
    """The family's model."""
    return Mps2(board, supervisor)


class Mps2:
    """The system's timer; its clocks cannot be changed."""

    windows = ((_TIMER0, 0x400),)
    units = ()
    spaces = ((0x40000000, 0x40030000),)
    core_registers: Mapping[int, int] = {}

    def __init__(self, board: Board, supervisor: Supervisor) -> None:
        self._clock_hz, self._supervisor = float(board.clock_hz), supervisor
        self._running = False
        self._reload = 0
        self._value = 0  # of the timer while it stands
        self._since = 0  # when it held `_value` while it runs

    def read(self, address: int) -> int:
        """Reads a register of the timer."""
        offset = address - _TIMER0
        if offset == _TIMER_CTRL:
            return int(self._running)
        if offset == _TIMER_VALUE:
            return self._count()
        return self._reload if offset == _TIMER_RELOAD else 0

    def write(self, address: int, value: int) -> None:
        """Writes a register of the timer."""
        offset = address - _TIMER0
        if offset == _TIMER_CTRL:
            if value & ~1:
                self._supervisor.violate("timer 0 is emulated without external input and interrupt")
            self._set(self._count())
            self._running = bool(value & 1)
        elif offset == _TIMER_VALUE:
            self._set(value)
        elif offset == _TIMER_RELOAD:
            self._reload = value
            self._set(value)

    def core_clock_hz(self) -> float:
        """Clock of the core."""
        return self._clock_hz

    def open_uart(
        self, console: Console, send: Callable[[int], None], look: Callable[[bool], None]
    ) -> DesignKitUart:
        """The console's UART; see Family."""
        return DesignKitUart(console, self._supervisor, send, look)

    def watchdog_deadline(self) -> int | None:
        """None: the board's watchdog is not modelled."""
        return None

    def note_watchdog_reset(self) -> None:
        """Cannot happen."""

    def _set(self, value: int) -> None:
        self._value, self._since = value, self._supervisor.now()

    def _count(self) -> int:
        if not self._running:
            return self._value
        passed = self._supervisor.now() - self._since
        if passed <= self._value:
            return self._value - passed
        return self._reload - (passed - self._value - 1) % (self._reload + 1)


class DesignKitUart:
    """A UART whose bytes take no time, like peripherals.uart.

    Args:
        console: Which one and its baud rate.
        supervisor: For reports.
        send: Takes each transmitted byte.
        look: Called while the receiver is empty, see Family.open_uart.
    """

    def __init__(
        self,
        console: Console,
        supervisor: Supervisor,
        send: Callable[[int], None],
        look: Callable[[bool], None],
    ) -> None:
        self.window = (console.address, 0x400)
        self.received: deque[int] = deque()
        self._console, self._supervisor = console, supervisor
        self._send, self._look = send, look
        self._control = self._divider = 0
        self._polls = 0

    @property
    def wants_interrupt(self) -> bool:
        """Whether received bytes raise an interrupt."""
        return bool(self._control & _RX_INTERRUPT)

    def interrupts(self) -> bool:
        """Whether the UART asks for an interrupt now."""
        return self.wants_interrupt and bool(self.received)

    def recheck(self) -> None:
        """Nothing around it can change."""

    def baud(self) -> float:
        """Bits per second; 0 where the divider is below its least value."""
        return (
            self._console.kernel_clock_hz / self._divider
            if self._divider >= _LEAST_BAUDDIV
            else 0.0
        )

    def read(self, address: int) -> int:
        """Reads a register."""
        offset = address - self.window[0]
        if offset == _DATA:
            self._polls = 0
            return self.received.popleft() if self.received else 0
        if offset == _STATE:
            return self._read_state()
        if offset == _STATUS:
            return 2 * self.interrupts()
        return {_CTRL: self._control, _BAUDDIV: self._divider}.get(offset, 0)

    def write(self, address: int, value: int) -> None:
        """Writes a register."""
        offset = address - self.window[0]
        if offset == _DATA:
            self._polls = 0
            self._check(_TX_ENABLE)
            self._send(value & 0xFF)
        elif offset == _CTRL:
            if value & _TX_INTERRUPT:
                self._supervisor.violate(
                    f"{self._console.uart}: its transmit interrupt is not emulated"
                )
            self._control = value & 0x7F
        elif offset == _BAUDDIV:
            self._divider = value & 0xFFFFF

    def _read_state(self) -> int:
        if self.received:
            self._check(_RX_ENABLE)
            return _RX_FULL
        self._polls += 1
        if self._polls >= _IDLE_POLLS or self._polls % _LOOK_EVERY == 0:
            self._look(self._polls >= _IDLE_POLLS)
        return 0

    def _check(self, enable: int) -> None:
        """Reports what would keep a byte from passing on the real board."""
        name, wanted, baud = self._console.uart, self._console.baud, self.baud()
        if not self._control & enable:
            self._supervisor.violate(f"{name} is used with bit {enable >> 1} of CTRL clear")
        elif abs(baud - wanted) > BAUD_TOLERANCE * wanted:
            self._supervisor.violate(f"{name} runs at {baud:.0f} baud instead of {wanted}")
