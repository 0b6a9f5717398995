"""Flash programming of the STM32F4 and STM32F7: one bank, sectors of growing size.

Registers: RM0402 and RM0385, chapters 3: the same registers and bits. Programming is by the width
in FLASH_CR.PSIZE, without a write buffer.
"""

from __future__ import annotations

from typing import ClassVar

from tinydeploy.emulate.peripherals.flash import (
    KEYS,
    LEVEL_1,
    OPEN,
    OPTION_KEYS,
    FlashController,
    Lock,
)

_KEYR, _OPTKEYR, _SR, _CR, _OPTCR = 0x04, 0x08, 0x0C, 0x10, 0x14
# FLASH_CR
_PG, _SER, _MER, _START, _EOPIE, _LOCK = 1, 1 << 1, 1 << 2, 1 << 16, 1 << 24, 1 << 31
# FLASH_SR; the last is ERSERR of the F7 and PGSERR of the F4
_EOP, _WRPERR, _PGAERR, _PGPERR, _SEQERR = 1, 1 << 4, 1 << 5, 1 << 6, 1 << 7
_ERRORS = _WRPERR | _PGAERR | _PGPERR | _SEQERR
# nWRP of all sectors, the watchdogs as shipped, no brown-out level, OPTLOCK apart.
_SHIPPED = 0x0FFF_00EC


class FlashF(FlashController):
    """See FlashController."""

    base = 0x40023C00
    sectors_kb: ClassVar[tuple[int, ...]]

    def reset(self) -> None:
        """See FlashController."""
        self._lock, self._options = Lock(KEYS), Lock(OPTION_KEYS)
        self._control, self._status = 0, 0

    def read(self, offset: int) -> int:
        """See FlashController."""
        self.cells.settle()
        if offset == _SR:
            return self._status
        if offset == _CR:
            return self._control | _LOCK * self._lock.closed
        if offset == _OPTCR:
            protection = LEVEL_1 if self.protected else OPEN
            return _SHIPPED | protection << 8 | self._options.closed
        return 0

    def write(self, offset: int, value: int) -> None:
        """See FlashController."""
        if offset == _KEYR:
            self._lock.offer(value)
        elif offset == _OPTKEYR:
            self._options.offer(value)
        elif offset == _OPTCR:
            if value & 1:
                self._options.close()
        elif offset == _SR:
            self._status &= ~value
        elif offset == _CR and not self._lock.closed:
            self._set_control(value)

    def _set_control(self, value: int) -> None:
        self._control = value & ~(_START | _LOCK)
        if value & _START and value & (_SER | _MER):
            if value & _PG:
                self._status |= _SEQERR
            elif self.protected:
                self._status |= _WRPERR
            else:
                self._erase(value)
                self._finish()
        if value & _LOCK:
            self._lock.close()

    def _erase(self, value: int) -> None:
        if value & _MER:
            self.cells.erase(0, self.cells.memory.size)
            return
        number = value >> 3 & 0x1F
        if number >= len(self.sectors_kb):
            self._status |= _WRPERR
            return
        begin = 1024 * sum(self.sectors_kb[:number])
        self.cells.erase(begin, 1024 * self.sectors_kb[number])

    def program(self, address: int, data: bytes, *, by_core: bool) -> bool:
        """See FlashController."""
        offset = address - self.cells.memory.address
        old = self.cells.read(offset, len(data))
        if self._lock.closed or not self._control & _PG:
            self._status |= _SEQERR
            return False
        result = old
        if self.protected:
            self._status |= _WRPERR
        elif self._status & _ERRORS:
            self._status |= _SEQERR
        elif len(data) != 1 << (self._control >> 8 & 3):
            self._status |= _PGPERR
        elif offset % len(data):
            self._status |= _PGAERR
        else:
            result = bytes(a & b for a, b in zip(old, data, strict=True))
            self._finish()
        self.cells.put(offset, result, by_core=by_core)
        return True

    def _finish(self) -> None:
        if self._control & _EOPIE:
            self._status |= _EOP
