"""Flash programming of the STM32L4+: two banks of 4 KB pages, double words of 64 bits.

Registers: RM0432, chapter 3, in the dual-bank mode that the chips are shipped in.
"""

from __future__ import annotations

from tinydeploy.emulate.peripherals.flash import (
    KEYS,
    LEVEL_1,
    OPEN,
    OPTION_KEYS,
    Cells,
    FlashController,
    Lock,
)

_KEYR, _OPTKEYR, _SR, _CR, _OPTR = 0x08, 0x0C, 0x10, 0x14, 0x20
_NO_AREA = {0x24: 0x1FFFF, 0x2C: 0xFFFF, 0x30: 0xFFFF, 0x44: 0x1FFFF, 0x4C: 0xFFFF, 0x50: 0xFFFF}
# nSWBOOT0, nBOOT0, nBOOT1, DBANK and the resets as shipped; the lowest byte is the protection.
_SHIPPED = 0xFFEF_F800

# FLASH_CR
_PG, _PER, _MER1, _BKER, _MER2, _START, _EOPIE, _OPTLOCK, _LOCK = (
    1, 1 << 1, 1 << 2, 1 << 11, 1 << 15, 1 << 16, 1 << 24, 1 << 30, 1 << 31,
)  # fmt: skip
# FLASH_SR
_EOP, _PROGERR, _WRPERR, _PGAERR, _SIZERR, _PGSERR = 1, 1 << 3, 1 << 4, 1 << 5, 1 << 6, 1 << 7
_ERRORS = _PROGERR | _WRPERR | _PGAERR | _SIZERR | _PGSERR

_PAGE, _WORD = 0x1000, 8


def open_controller(cells: Cells, *, protected: bool) -> FlashController:
    """The family's controller."""
    return FlashL4(cells, protected=protected)


class FlashL4(FlashController):
    """See FlashController."""

    base = 0x40022000

    def reset(self) -> None:
        """See FlashController."""
        self._lock, self._options = Lock(KEYS), Lock(OPTION_KEYS)
        self._control, self._status = 0, 0
        self._first: tuple[int, bytes] | None = None  # the first half of a double word

    def read(self, offset: int) -> int:
        """See FlashController."""
        self.cells.settle()
        if offset == _SR:
            return self._status
        if offset == _CR:
            locked = _LOCK * self._lock.closed | _OPTLOCK * self._options.closed
            return self._control | locked
        if offset == _OPTR:
            return _SHIPPED | (LEVEL_1 if self.protected else OPEN)
        return _NO_AREA.get(offset, 0)

    def write(self, offset: int, value: int) -> None:
        """See FlashController."""
        if offset == _KEYR:
            self._lock.offer(value)
        elif offset == _OPTKEYR and not self._lock.closed:
            self._options.offer(value)
        elif offset == _SR:
            self._status &= ~value
        elif offset == _CR and not self._lock.closed:
            self._set_control(value)

    def _set_control(self, value: int) -> None:
        self._control = value & ~(_START | _LOCK | _OPTLOCK)
        if not value & _PG:
            self._first = None
        if value & _START and value & (_PER | _MER1 | _MER2):
            if self._status & _ERRORS or value & _PG:
                self._status |= _PGSERR
            elif self.protected:
                self._status |= _WRPERR
            else:
                self._erase(value)
                self._finish()
        if value & _OPTLOCK:
            self._options.close()
        if value & _LOCK:
            self._lock.close()

    def _erase(self, value: int) -> None:
        half = self.cells.memory.size // 2
        if value & _PER:
            page = (value >> 3 & 0xFF) * _PAGE
            self.cells.erase(page + (half if value & _BKER else 0), _PAGE)
        if value & _MER1:
            self.cells.erase(0, half)
        if value & _MER2:
            self.cells.erase(half, half)

    def program(self, address: int, data: bytes, *, by_core: bool) -> bool:
        """See FlashController."""
        offset = address - self.cells.memory.address
        old = self.cells.read(offset, len(data))
        if self._lock.closed or not self._control & _PG:
            self._status |= _PGSERR
            return False
        self.cells.put(offset, old, by_core=by_core)  # until the double word is complete
        first, self._first = self._first, None
        if self.protected:
            self._status |= _WRPERR
        elif self._status & _ERRORS:
            self._status |= _PGSERR
        elif len(data) != 4:
            self._status |= _SIZERR
        elif first is None:
            if offset % _WORD:
                self._status |= _PGAERR
            else:
                self._first = (offset, data)
        elif offset != first[0] + 4:
            self._status |= _PGAERR
        else:
            self._commit(first[0], first[1] + data, by_core=by_core)
        return True

    def _commit(self, offset: int, data: bytes, *, by_core: bool) -> None:
        if self.cells.read(offset, _WORD) != b"\xff" * _WORD and any(data):
            self._status |= _PROGERR
            return
        self.cells.put(offset, data, by_core=by_core)
        self._finish()

    def _finish(self) -> None:
        if self._control & _EOPIE:
            self._status |= _EOP
