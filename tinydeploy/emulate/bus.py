"""Connects the peripherals' registers to Unicorn's memory-mapped I/O."""

from __future__ import annotations

from collections.abc import Callable
from typing import Protocol

from unicorn import Uc

from tinydeploy.emulate import system
from tinydeploy.emulate.peripherals.family import ConsoleUart, Family
from tinydeploy.emulate.peripherals.flash import FlashController
from tinydeploy.emulate.peripherals.sdmmc_stm32l4 import SdmmcPort
from tinydeploy.emulate.peripherals.spi_stm32l4 import SpiPort

BASE, SIZE = 0x40000000, 0x20000000


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


class _FlashRegisters:
    """The flash interface: wait states, which belong to the clocks, and the controller."""

    def __init__(self, family: Family, flash: FlashController) -> None:
        self._family, self._flash = family, flash
        self._access = (flash.base, flash.base + 0x100)  # again beside the H7's second bank

    def read(self, address: int) -> int:
        if address in self._access:
            return self._family.read(address)
        return self._flash.read(address - self._flash.base)

    def write(self, address: int, value: int) -> None:
        if address in self._access:
            self._family.write(address, value)
        else:
            self._flash.write(address - self._flash.base, value)


class PeripheralBus:
    """Finds the device for an address in steps of 1 KB, which is how STM32 lays them out.

    Args:
        uc: The processor.
        violate: Takes the rule that an access breaks.
        changed: Called after each write to one of the family's registers.
    """

    def __init__(self, uc: Uc, violate: Callable[[str], None], changed: Callable[[], None]) -> None:
        self._violate, self._changed = violate, changed
        self._devices: dict[int, Device] = {}
        uc.mmio_map(BASE, SIZE, self._read, None, self._write, None)
        uc.mmio_map(system.BASE, system.SIZE, self._read_space, None, self._write_space, None)

    def connect(
        self,
        family: Family,
        uart: ConsoleUart,
        space: Device,
        flash: FlashController | None,
        accelerator: SpiPort | SdmmcPort | None = None,
    ) -> None:
        """Puts the devices of a chip that was just reset in their places.

        Args:
            family: Clock, power and pin registers.
            uart: The console.
            space: The private peripheral bus.
            flash: The flash controller; the wait states beside its registers are the family's.
            accelerator: What leads to an accelerator.
        """
        self._devices.clear()
        windowed: list[Family | SpiPort | SdmmcPort] = [family]
        if accelerator is not None:
            windowed.append(accelerator)
        for device in windowed:
            for address, size in device.windows:
                self._devices |= dict.fromkeys(range(address >> 10, address + size >> 10), device)
        self._devices |= {uart.window[0] >> 10: uart}
        for unit in family.units:
            for address, _ in unit.windows:
                self._devices[address >> 10] = unit
        if flash is not None:
            self._devices[flash.base >> 10] = _FlashRegisters(family, flash)
        self._family, self._space = family, space
        self._rest = _Rest(family.spaces, self._violate)

    def read(self, address: int, size: int) -> int:
        """What the core reads at an address of the peripherals or of its private bus."""
        if address >= system.BASE:
            return self._read_space(None, address - system.BASE, size, None)
        return self._read(None, address - BASE, size, None)

    def write(self, address: int, size: int, value: int) -> None:
        """Writes what the core writes there."""
        if address >= system.BASE:
            self._write_space(None, address - system.BASE, size, value, None)
        else:
            self._write(None, address - BASE, size, value, None)

    def _read(self, _: object, offset: int, size: int, __: object) -> int:
        address = BASE + offset
        device = self._devices.get(address >> 10, self._rest)
        if size == 4:
            return device.read(address)
        return device.read(address & ~3) >> 8 * (address & 3) & (1 << 8 * size) - 1

    def _write(self, _: object, offset: int, size: int, value: int, __: object) -> None:
        address = BASE + offset
        device = self._devices.get(address >> 10, self._rest)
        _write_part(device, address, size, value)
        if device is self._family:
            self._changed()

    def _read_space(self, _: object, offset: int, size: int, __: object) -> int:
        address = system.BASE + offset
        return self._space.read(address & ~3) >> 8 * (address & 3) & (1 << 8 * size) - 1

    def _write_space(self, _: object, offset: int, size: int, value: int, __: object) -> None:
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
