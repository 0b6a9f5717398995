"""What STM32F4 and STM32F7 share: RCC, PWR, FLASH and GPIO, with the same addresses and bits.

Registers: RM0402 (STM32F412) and RM0385 (STM32F74x, F75x), chapters RCC, PWR and flash; ranges of
the PLL: the data sheets.
"""

from __future__ import annotations

from abc import abstractmethod
from collections.abc import Mapping
from typing import ClassVar

from tinydeploy.board import Board, Console
from tinydeploy.emulate.peripherals.chip import HPRE, PPRE, Chip, Pll, RccLayout
from tinydeploy.emulate.peripherals.family import START_UP, Supervisor
from tinydeploy.emulate.peripherals.registers import ALL_INPUTS, Oscillator, Ports, Registers

RCC, PWR, FLASH, GPIO = 0x40023800, 0x40007000, 0x40023C00, 0x40020000
CR, PLLCFGR, CFGR, AHB1ENR, AHB2ENR, AHB3ENR, APB1ENR, APB2ENR = (
    0x00, 0x04, 0x08, 0x30, 0x34, 0x38, 0x40, 0x44,
)  # fmt: skip
PWR_CR, PWR_CSR = 0x00, 0x04
PWREN = 1 << 28

HSI_HZ = 16e6
_VOS = 3 << 14
_VOSRDY = 1 << 14
_FIRST_SCALE = 3  # without PLL the regulator is at scale 3, whatever VOS says


def rcc_layout(uarts: Mapping[str, tuple[int, int]], *plls: Oscillator) -> RccLayout:
    """The layout of a family's RCC: its UARTs, and its PLLs besides the first."""
    return RccLayout(
        configuration=CFGR,
        switch=3,
        status=2,
        sources=(
            Oscillator("HSI", 0, 1),
            Oscillator("HSE", 16, 17),
            Oscillator("PLL", 24, 25),
            *plls,
        ),
        running=("HSI",),
        system=("HSI", "HSE", "PLL"),
        pll="PLL",
        pll_setup={PLLCFGR: 0xFFFFFFFF},
        uarts=uarts,
        watchdog=0x40003000,
        resets=(0x74, 29, 24),
    )


class Stm32F(Chip):
    """Clock tree, voltage scaling, flash wait states and pins.

    Args:
        board: Says which clock arrives at OSC_IN.
        supervisor: For the time and reports.
        ports: How many GPIO ports there are.
        power: PWR_CR (PWR_CR1) after reset.
        enabled: RCC_AHB1ENR after reset.
    """

    # Highest core clocks in MHz by flash wait states, at 2.7 V to 3.6 V.
    wait_states: ClassVar[tuple[int, ...]]

    def __init__(
        self, board: Board, supervisor: Supervisor, *, ports: int, power: int, enabled: int
    ) -> None:
        rcc = Registers(RCC, {CR: 0x81, PLLCFGR: 0x24003010, AHB1ENR: enabled})
        self._pwr = Registers(PWR, {PWR_CR: power})
        self._flash = Registers(FLASH)
        self._settled_at = 0  # when the voltage that VOS selects is there, while the PLL is on
        pins = Ports(GPIO, ports, ALL_INPUTS, rcc, (AHB1ENR, "RCC_AHB1ENR"), supervisor)
        super().__init__(board, supervisor, rcc, (self._pwr, self._flash), pins)

    @abstractmethod
    def _limits(self) -> tuple[int, int, int, str]:
        """Highest clocks of core, APB1 and APB2 in MHz, and the voltage scale that sets them."""

    def core_clock_hz(self) -> float:
        """Clock of the core, which is the bus clock too."""
        return self._system_hz() / HPRE[self._rcc[CFGR] >> 4 & 15]

    def uart_clock_hz(self, console: Console) -> float:
        """Clock of the bus that a USART is at."""
        return self._apb_hz(2 if self.layout.uarts[console.uart][0] == APB2ENR else 1)

    def _apb_hz(self, number: int) -> float:
        shift = 13 if number == 2 else 10
        return self.core_clock_hz() / PPRE[self._rcc[CFGR] >> shift & 7]

    def _internal_hz(self, name: str) -> float:
        return HSI_HZ

    def _scale(self) -> int:
        """The regulator's voltage scale, 1 to 3; 1 is the highest voltage."""
        selected = (3, 3, 2, 1)[(self._pwr[PWR_CR] & _VOS) >> 14]
        return selected if self._is_settled() else _FIRST_SCALE

    def _is_settled(self) -> bool:
        on = self._oscillators.is_on("PLL")
        return on and self._supervisor.now() >= self._settled_at

    def _read_block(self, block: Registers, offset: int) -> int:
        if block is not self._pwr:
            return block[offset]
        if not self._rcc[APB1ENR] & PWREN:
            return 0
        return self._is_settled() * _VOSRDY if offset == PWR_CSR else block[offset]

    def _write_block(self, block: Registers, offset: int, value: int) -> None:
        if block is self._pwr:
            if not self._rcc[APB1ENR] & PWREN:
                self._supervisor.violate(
                    "PWR is written while its clock is off (RCC_APB1ENR bit 28)"
                )
                return
            changes = offset == PWR_CR and (value ^ block[offset]) & _VOS
            if changes and self._oscillators.is_on("PLL"):
                self._supervisor.violate("VOS is changed while the PLL is on, which it ignores")
                value = value & ~_VOS | block[offset] & _VOS
        block[offset] = value

    def _write_control(self, value: int) -> None:
        was_on = self._oscillators.is_on("PLL")
        super()._write_control(value)
        if self._oscillators.is_on("PLL") and not was_on:
            self._settled_at = self._supervisor.now() + 2 * START_UP

    def _pll(self) -> Pll:
        fields = self._rcc[PLLCFGR]
        divider, factor, third = fields & 63, fields >> 6 & 0x1FF, fields >> 24 & 15
        problems = []
        if divider < 2:
            problems.append(f"PLL's M is {divider}, it has to be at least 2")
        if not 50 <= factor <= 432:
            problems.append(f"PLL's N is {factor}, it has to be 50 to 432")
        if third < 2:
            problems.append(f"PLL's Q is {third}, it has to be at least 2")
        return Pll(
            source="HSE" if fields >> 22 & 1 else "HSI",
            divider=divider,
            factor=factor,
            output=2 * (fields >> 16 & 3) + 2,
            reference_mhz=(0.95, 2.1),
            vco_mhz=(100, 432),
            problems=tuple(problems),
        )

    def _clock_problems(self) -> list[str]:
        core, first, second = (
            hertz / 1e6 for hertz in (self.core_clock_hz(), self._apb_hz(1), self._apb_hz(2))
        )
        most_core, most_first, most_second, scale = self._limits()
        if core > most_core:
            return [f"the core runs at {core:g} MHz, {scale} allows {most_core} MHz"]
        if first > most_first:
            return [f"APB1 runs at {first:g} MHz, it may run at {most_first} MHz"]
        if second > most_second:
            return [f"APB2 runs at {second:g} MHz, it may run at {most_second} MHz"]
        states = self._flash[0] & 15
        needed = next(n for n, limit in enumerate((*self.wait_states, 1e9)) if core <= limit)
        if states < needed:
            return [f"flash has {states} wait states at {core:g} MHz, it needs {needed}"]
        return []
