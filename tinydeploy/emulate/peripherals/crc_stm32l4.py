"""STM32L4+'s CRC unit, as far as it makes the CRC-32 of IEEE 802.3 of whole words.

Registers: RM0432, chapter of the CRC calculation unit. Other polynomials, orders of bits and widths
of writes are broken rules here.
"""

from __future__ import annotations

import zlib
from collections.abc import Callable

from tinydeploy.emulate.peripherals.registers import Registers

CRC = 0x40023000

_DR, _CR, _INIT, _POL = 0x00, 0x08, 0x10, 0x14
_RESET, _SETTINGS = 1, 0xF8  # POLYSIZE, REV_IN, REV_OUT
_BY_WORD = 3 << 5 | 1 << 7  # REV_IN by words, REV_OUT; POLYSIZE of 32 bits
_ALL = 0xFFFFFFFF


class CrcUnit:
    """The unit.

    Args:
        enabled: Whether it has its clock.
        violate: Takes the rule that an access breaks.
    """

    windows: tuple[tuple[int, int], ...] = ((CRC, 0x400),)

    def __init__(self, enabled: Callable[[], bool], violate: Callable[[str], None]) -> None:
        self._enabled, self._violate = enabled, violate
        self._words = Registers(CRC, {_INIT: _ALL, _POL: 0x04C11DB7})
        self._start, self._data = _ALL, bytearray()  # of the sum: its register, and what came since

    def read(self, address: int) -> int:
        """Reads a register; the data register holds the sum."""
        if not self._enabled():
            return 0
        if address - CRC == _DR:
            return self._sum()
        return self._words[address - CRC]

    def write(self, address: int, value: int) -> None:
        """Writes a register; a word in the data register goes into the sum."""
        offset = address - CRC
        if not self._enabled():
            self._violate("the CRC unit is written while its clock is off (RCC_AHB1ENR bit 12)")
        elif offset == _DR:
            self._check()
            self._data += value.to_bytes(4, "little")
        elif offset == _CR:
            self._words[_CR] = value & _SETTINGS
            if value & _RESET:
                self._start = self._words[_INIT]
                self._data.clear()
        else:
            self._words[offset] = value

    def _sum(self) -> int:
        """The register with its bits in reverse order, as REV_OUT has it.

        zlib keeps it inverted, and in that order.
        """
        self._check()
        return zlib.crc32(self._data, _reverse(self._start) ^ _ALL) ^ _ALL

    def _check(self) -> None:
        if self._words[_CR] != _BY_WORD or self._words[_POL] != 0x04C11DB7:
            self._violate(
                "the CRC unit is set to something else than the CRC-32 of IEEE 802.3 by words "
                "(CRC_CR.REV_IN, REV_OUT, POLYSIZE and CRC_POL), which is not modelled"
            )


def _reverse(word: int) -> int:
    return int(f"{word:032b}"[::-1], 2)
