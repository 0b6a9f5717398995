"""STM32's independent watchdog: registers, and when it resets the chip (RM0433, IWDG)."""

from __future__ import annotations

from collections.abc import Callable

from tinydeploy.emulate.peripherals.family import Supervisor

CLOCK_HZ = 32_000  # the LSI, nominally
_KR, _PR, _RLR, _SR = 0x00, 0x04, 0x08, 0x0C
_START, _UNLOCK, _FEED = 0xCCCC, 0x5555, 0xAAAA


class Watchdog:
    """The watchdog; once started only a reset stops it.

    Args:
        base: Address of its registers.
        supervisor: For the time and reports.
        core_clock_hz: Clock of the core, which the time is counted in.
    """

    def __init__(
        self, base: int, supervisor: Supervisor, core_clock_hz: Callable[[], float]
    ) -> None:
        self.window = (base, 0x400)
        self._supervisor, self._core_clock_hz = supervisor, core_clock_hz
        self._prescaler, self._reload = 0, 0xFFF
        self._unlocked = False
        self._fed_at: int | None = None  # None while it stands

    def deadline(self) -> int | None:
        """Core clock cycles since reset at which it resets the chip; None while it stands."""
        if self._fed_at is None:
            return None
        ticks = (self._reload + 1) * (4 << self._prescaler)
        return self._fed_at + int(ticks * self._core_clock_hz() / CLOCK_HZ)

    def read(self, address: int) -> int:
        """Reads a register; a new prescaler or reload value takes no time to arrive."""
        return {_PR: self._prescaler, _RLR: self._reload}.get(address - self.window[0], 0)

    def write(self, address: int, value: int) -> None:
        """Writes a register."""
        offset = address - self.window[0]
        if offset == _KR:
            self._unlocked = value == _UNLOCK
            if value == _START or (value == _FEED and self._fed_at is not None):
                self._fed_at = self._supervisor.now()
        elif offset in (_PR, _RLR) and not self._unlocked:
            self._supervisor.violate("IWDG's PR or RLR is written without the key 0x5555")
        elif offset == _PR:
            self._prescaler = min(value & 7, 6)
        elif offset == _RLR:
            self._reload = value & 0xFFF
