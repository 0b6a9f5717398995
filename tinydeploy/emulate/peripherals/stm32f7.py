"""STM32F745, F746, F750, F756: what sets them apart from other STM32F, above all the over-drive.

Limits and tables: RM0385 (PWR chapter 4, flash wait states chapter 3) and the data sheet.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import ClassVar

from tinydeploy.board import Board, Console
from tinydeploy.emulate.peripherals.chip import LSE_HZ
from tinydeploy.emulate.peripherals.family import START_UP, Supervisor
from tinydeploy.emulate.peripherals.registers import Oscillator, Registers
from tinydeploy.emulate.peripherals.stm32f import (
    AHB1ENR,
    AHB2ENR,
    AHB3ENR,
    APB1ENR,
    APB2ENR,
    CFGR,
    HSI_HZ,
    PWR_CR,
    PWR_CSR,
    PWREN,
    Stm32F,
    rcc_layout,
)
from tinydeploy.emulate.peripherals.uart_layout import PLAIN_USART

_DCKCFGR2 = 0x90
_DTCMRAMEN = 1 << 20
_ODEN, _ODSWEN = 1 << 16, 1 << 17

# Highest core clock in MHz at scale 1 to 3, without over-drive and with it.
_CORE = {1: (180, 216), 2: (168, 180), 3: (144, 144)}
_UART_SELECT = {
    "USART1": 0, "USART2": 2, "USART3": 4, "UART4": 6, "UART5": 8, "USART6": 10, "UART7": 12,
    "UART8": 14,
}  # fmt: skip


def open_chip(board: Board, supervisor: Supervisor) -> Stm32F7:
    """The family's model."""
    return Stm32F7(board, supervisor)


class Stm32F7(Stm32F):
    """Clock tree, voltage scaling with over-drive, flash wait states and pins."""

    layout = rcc_layout(
        {
            "USART1": (APB2ENR, 4),
            "USART2": (APB1ENR, 17),
            "USART3": (APB1ENR, 18),
            "UART4": (APB1ENR, 19),
            "UART5": (APB1ENR, 20),
            "USART6": (APB2ENR, 5),
            "UART7": (APB1ENR, 30),
            "UART8": (APB1ENR, 31),
        },
        Oscillator("PLLI2S", 26, 27),
        Oscillator("PLLSAI", 28, 29),
    )
    spaces = (
        (0x40000000, 0x40008000),  # APB1
        (0x40010000, 0x40016C00),  # APB2
        (0x40020000, 0x4002BC00),  # AHB1
        (0x40040000, 0x40080000),  # USB at high speed
        (0x50000000, 0x50060C00),  # AHB2
    )
    uart_layout = PLAIN_USART
    core_registers: ClassVar[Mapping[int, int]] = {
        0xE000ED00: 0x410FC271,  # CPUID: r0p1
        0xE000ED80: 0xF003E019,  # CCSIDR: 4 KB of data cache
        0xE000EF40: 0x10110021,  # MVFR0, MVFR1: single precision only
        0xE000EF44: 0x11000011,
    }
    wait_states = (30, 60, 90, 120, 150, 180, 210, 216)

    def __init__(self, board: Board, supervisor: Supervisor) -> None:
        super().__init__(board, supervisor, ports=11, power=0xC000, enabled=_DTCMRAMEN)
        # When the over-drive and the switch to it are ready; None while they are off.
        self._drive_at: int | None = None
        self._switch_at: int | None = None

    def uart_clock_hz(self, console: Console) -> float:
        """Kernel clock of a UART."""
        select = self._rcc[_DCKCFGR2] >> _UART_SELECT[console.uart] & 3
        if select == 0:
            return super().uart_clock_hz(console)
        return (0.0, self._system_hz(), HSI_HZ, LSE_HZ)[select]

    def _limits(self) -> tuple[int, int, int, str]:
        scale, drive = self._scale(), self._has_passed(self._switch_at)
        name = f"voltage scale {scale} {'with' if drive else 'without'} over-drive"
        return _CORE[scale][drive], 54 if drive else 45, 108 if drive else 90, name

    def _has_passed(self, time: int | None) -> bool:
        return time is not None and self._supervisor.now() >= time

    def _read_block(self, block: Registers, offset: int) -> int:
        value = super()._read_block(block, offset)
        if block is self._pwr and offset == PWR_CSR and self._rcc[APB1ENR] & PWREN:
            value |= self._has_passed(self._drive_at) << 16
            value |= self._has_passed(self._switch_at) << 17
        return value

    def _write_block(self, block: Registers, offset: int, value: int) -> None:
        before = block[offset]
        super()._write_block(block, offset, value)
        if block is self._pwr and offset == PWR_CR:
            self._switch_drive(before, block[offset])

    def _switch_drive(self, before: int, after: int) -> None:
        """Follows ODEN and ODSWEN, and the order that they are to be set in."""
        violate, now = self._supervisor.violate, self._supervisor.now()
        if not (before ^ after) & (_ODEN | _ODSWEN):
            return
        if self._system_name(self._rcc[CFGR]) == "PLL":
            violate("the over-drive is switched while the core runs from the PLL")
        if not after & _ODEN:
            self._drive_at = None
        elif self._drive_at is None:
            self._drive_at = now + START_UP
        if not after & _ODSWEN:
            self._switch_at = None
        elif self._switch_at is None:
            if not self._has_passed(self._drive_at):
                violate("PWR_CR1.ODSWEN is set before the over-drive is ready (PWR_CSR1.ODRDY)")
            if self._has_peripheral_clocks():
                violate("the over-drive is switched to while peripherals have their clocks")
            self._switch_at = now + START_UP

    def _has_peripheral_clocks(self) -> bool:
        rcc = self._rcc
        needed = rcc[AHB1ENR] & ~_DTCMRAMEN | rcc[APB1ENR] & ~PWREN
        return bool(needed | rcc[AHB2ENR] | rcc[AHB3ENR] | rcc[APB2ENR])
