"""Connects the peripherals' registers to Unicorn's memory-mapped I/O."""

from __future__ import annotations

from collections.abc import Callable
from typing import Protocol

from unicorn import Uc

from tinydeploy.emulate import system
from tinydeploy.emulate.peripherals.family import ConsoleUart, Family

_BASE, _SIZE = 0x40000000, 0x20000000


class Device(Protocol):
    """Anything with word registers."""

    def read(self, address: int) -> int:
        """Reads the word register at an address."""

    def write(self, address: int, value: int) -> None:
        """Writes the word register at an address."""


class _Rest:
    """Peripherals without a model keep what is written; elsewhere an access is an error."""

    def __init__(self, spaces: tuple[tuple[int, int], ...], violate: Callable[[str], None]) -> None:
        self._words: dict[int, int] = {}
        self._spaces, self._violate = spaces, violate

    def read(self, address: int) -> int:
        self._check(address, "reads")
        return self._words.get(address, 0)

    def write(self, address: int, value: int) -> None:
        self._check(address, "writes")
        self._words[address] = value

    def _check(self, address: int, verb: str) -> None:
        if not any(first <= address < end for first, end in self._spaces):
            self._violate(f"{verb} the word at {address:#010x}, where the chip has no peripheral")


class PeripheralBus:
    """Finds the device for an address in steps of 1 KB, which is how STM32 lays them out.

    Args:
        uc: The processor.
        family: Clock, power and pin registers.
        uart: The console.
        space: The private peripheral bus.
        violate: Takes the rule that an access breaks.
        changed: Called after each write to one of `family`'s registers.
    """

    def __init__(
        self,
        uc: Uc,
        family: Family,
        uart: ConsoleUart,
        space: Device,
        violate: Callable[[str], None],
        changed: Callable[[], None],
    ) -> None:
        self._devices: dict[int, Device] = {}
        for address, size in family.windows:
            self._devices |= dict.fromkeys(range(address >> 10, address + size >> 10), family)
        self._devices |= {uart.window[0] >> 10: uart}
        self._family, self._space, self._changed = family, space, changed
        self._rest = _Rest(family.spaces, violate)
        uc.mmio_map(_BASE, _SIZE, self._read, None, self._write, None)
        uc.mmio_map(system.BASE, system.SIZE, self._read_space, None, self._write_space, None)

    def _read(self, uc: Uc, offset: int, size: int, _: object) -> int:
        address = _BASE + offset
        device = self._devices.get(address >> 10, self._rest)
        if size == 4:
            return device.read(address)
        return device.read(address & ~3) >> 8 * (address & 3) & (1 << 8 * size) - 1

    def _write(self, uc: Uc, offset: int, size: int, value: int, _: object) -> None:
        address = _BASE + offset
        device = self._devices.get(address >> 10, self._rest)
        _write_part(device, address, size, value)
        if device is self._family:
            self._changed()

    def _read_space(self, uc: Uc, offset: int, size: int, _: object) -> int:
        address = system.BASE + offset
        return self._space.read(address & ~3) >> 8 * (address & 3) & (1 << 8 * size) - 1

    def _write_space(self, uc: Uc, offset: int, size: int, value: int, _: object) -> None:
        address = system.BASE + offset
        if size < 4 and address & ~3 == system.CFSR:  # its bits are cleared by writing ones
            self._space.write(system.CFSR, value << 8 * (address & 3))
        else:
            _write_part(self._space, address, size, value)


def _write_part(device: Device, address: int, size: int, value: int) -> None:
    """Writes a word, or a part of one into what the register holds."""
    if size == 4:
        device.write(address, value & 0xFFFFFFFF)
        return
    shift = 8 * (address & 3)
    mask = (1 << 8 * size) - 1
    old = device.read(address & ~3)
    device.write(address & ~3, old & ~(mask << shift) | (value & mask) << shift)
