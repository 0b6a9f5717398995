"""Flash programming of the STM32H74x/H75x: two banks of 128 KB sectors, words of 256 bits.

Registers: RM0433, chapter 4. Each bank has its own control and status; the option bytes are shared.
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

_KEYR, _OPTKEYR, _CR, _SR, _CCR, _OPTCR, _OPTSR_CUR, _OPTSR_PRG = (
    0x04, 0x08, 0x0C, 0x10, 0x14, 0x18, 0x1C, 0x20,
)  # fmt: skip
_PRAR = (0x28, 0x2C)  # proprietary code: none
_SCAR = (0x30, 0x34)  # secure area: none
_WPSN = (0x38, 0x3C)  # write protection, active low
_BANK = 0x100
_NO_AREA = 0xFF

# FLASH_CR
_LOCK, _PG, _SER, _BER, _FW, _START = 1, 1 << 1, 1 << 2, 1 << 3, 1 << 6, 1 << 7
# FLASH_SR
_WBNE, _EOP, _WRPERR, _PGSERR, _STRBERR, _INCERR, _DBECCERR = (
    1 << 1, 1 << 16, 1 << 17, 1 << 18, 1 << 19, 1 << 21, 1 << 26,
)  # fmt: skip

_SECTOR, _WORD = 0x20000, 32


def open_controller(cells: Cells, *, protected: bool) -> FlashController:
    """The family's controller."""
    return FlashH7(cells, protected=protected)


class _Bank:
    def __init__(self, begin: int, size: int) -> None:
        self.begin, self.size = begin, size
        self.lock = Lock(KEYS)
        self.control, self.status = 0, 0
        # The write buffer: the offset of its flash word, and the bytes written so far by position.
        self.word: int | None = None
        self.buffer: dict[int, int] = {}


class FlashH7(FlashController):
    """See FlashController."""

    base = 0x52002000

    def reset(self) -> None:
        """See FlashController."""
        half = self.cells.memory.size // 2
        self._banks = [_Bank(0, half), _Bank(half, half)]
        self._options = Lock(OPTION_KEYS)
        rdp = LEVEL_1 if self.protected else OPEN
        self._option_status = 0x1406_00F0 | rdp << 8

    def read(self, offset: int) -> int:
        """See FlashController."""
        bank = self._banks[offset >= _BANK]
        offset %= _BANK
        self.cells.settle()
        if offset == _CR:
            return bank.control | bank.lock.closed
        if offset == _SR:
            return bank.status | _WBNE * (bank.word is not None)
        if offset == _OPTCR:
            return int(self._options.closed)
        if offset in (_OPTSR_CUR, _OPTSR_PRG):
            return self._option_status
        if offset in _WPSN or offset in (*_PRAR, *_SCAR):
            return _NO_AREA
        return 0

    def write(self, offset: int, value: int) -> None:
        """See FlashController."""
        bank = self._banks[offset >= _BANK]
        offset %= _BANK
        if offset == _KEYR:
            bank.lock.offer(value)
        elif offset == _OPTKEYR:
            self._options.offer(value)
        elif offset == _OPTCR:
            if value & 1:
                self._options.close()
        elif offset == _CCR:
            bank.status &= ~value
        elif offset == _CR and not bank.lock.closed:
            self._control(bank, value)

    def _control(self, bank: _Bank, value: int) -> None:
        bank.control = value & ~(_START | _FW | _LOCK)
        if value & _FW and bank.word is not None:
            self._commit(bank, by_core=False)
        if value & _START and value & (_SER | _BER):
            if self.protected:
                bank.status |= _WRPERR
            elif value & _BER:
                self.cells.erase(bank.begin, bank.size)
            else:
                self.cells.erase(bank.begin + (value >> 8 & 7) * _SECTOR, _SECTOR)
            bank.status |= _EOP
        if value & _LOCK:
            bank.lock.close()

    def program(self, address: int, data: bytes, *, by_core: bool) -> bool:
        """See FlashController."""
        offset = address - self.cells.memory.address
        bank = self._banks[offset >= self._banks[1].begin]
        if bank.lock.closed or not bank.control & _PG:
            bank.status |= _PGSERR
            return False
        old = self.cells.read(offset, len(data))
        self.cells.put(offset, old, by_core=by_core)  # nothing changes before the word is complete
        if self.protected:
            bank.status |= _WRPERR
            return True
        word, at = offset - offset % _WORD, offset % _WORD
        if bank.word is not None and bank.word != word:
            bank.status |= _INCERR  # the word begun before is lost
            bank.buffer.clear()
        bank.word = word
        if any(at + n in bank.buffer for n in range(len(data))):
            bank.status |= _STRBERR
        bank.buffer.update(enumerate(data, at))
        if len(bank.buffer) == _WORD:
            self._commit(bank, by_core=by_core)
        return True

    def _commit(self, bank: _Bank, *, by_core: bool) -> None:
        assert bank.word is not None
        old = self.cells.read(bank.word, _WORD)
        wanted = bytes(bank.buffer.get(n, 0xFF) for n in range(_WORD))
        if old != b"\xff" * _WORD and old != wanted:
            bank.status |= _DBECCERR  # its check bits belong to neither content
        result = bytes(a & b for a, b in zip(old, wanted, strict=True))
        self.cells.put(bank.word, result, by_core=by_core)
        bank.word = None
        bank.buffer.clear()
        bank.status |= _EOP
