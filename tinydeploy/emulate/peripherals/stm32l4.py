"""STM32L4+ (L4R/L4S): RCC, PWR, FLASH and GPIO, as far as clocks and console need them.

Registers, limits and tables: RM0432 (RCC chapter 6, PWR chapter 5, flash wait states chapter 3).
"""

from __future__ import annotations

from tinydeploy.board import Board, Console
from tinydeploy.emulate.peripherals.chip import HPRE, LSE_HZ, PPRE, Chip, Pll, RccLayout
from tinydeploy.emulate.peripherals.crc_stm32l4 import CrcUnit
from tinydeploy.emulate.peripherals.family import START_UP, Supervisor
from tinydeploy.emulate.peripherals.registers import ALL_ANALOG, Oscillator, Ports, Registers
from tinydeploy.emulate.peripherals.sdmmc_stm32l4 import Card, SdmmcClocks, SdmmcPort
from tinydeploy.emulate.peripherals.spi_stm32l4 import (
    DMA1,
    DMAMUX1,
    SPI2,
    Clocks,
    Device,
    Memory,
    SpiPort,
)
from tinydeploy.emulate.peripherals.uart_layout import FIFO_USART

RCC, PWR, FLASH, GPIO = 0x40021000, 0x40007000, 0x40022000, 0x48000000
_CR, _CFGR, _PLLCFGR, _AHB1ENR, _AHB2ENR, _APB1ENR1, _APB1ENR2, _APB2ENR, _CCIPR = (
    0x00, 0x08, 0x0C, 0x48, 0x4C, 0x58, 0x5C, 0x60, 0x88,
)  # fmt: skip
_CRRCR, _CCIPR2 = 0x98, 0x9C
_PWR_CR1, _PWR_CR2, _PWR_SR2, _PWR_CR5 = 0x00, 0x04, 0x14, 0x80

_HSI_HZ, _HSI48_HZ = 16e6, 48e6
_CLK48SEL, _SDMMCSEL = 3 << 26, 1 << 14  # in CCIPR and CCIPR2: 0 leads HSI48 to the SDMMC
_MSI_KHZ = (100, 200, 400, 800, 1000, 2000, 4000, 8000, 16000, 24000, 32000, 48000)
_SYSTEM = ("MSI", "HSI16", "HSE", "PLL")

# Highest bus clock in MHz by wait states, in range 1 and range 2.
_WAIT_STATES = {1: (20, 40, 60, 80, 100, 120), 2: (8, 16, 26)}
_SPI_CLOCKS = {SPI2: (_APB1ENR1, 14), DMA1: (_AHB1ENR, 0), DMAMUX1: (_AHB1ENR, 2)}
_UART_SELECT = {"USART1": 0, "USART2": 2, "USART3": 4, "UART4": 6, "UART5": 8, "LPUART1": 10}


def open_chip(board: Board, supervisor: Supervisor) -> Stm32L4:
    """The family's model."""
    return Stm32L4(board, supervisor)


class Stm32L4(Chip):
    """Clock tree, voltage ranges, flash wait states and pins."""

    layout = RccLayout(
        configuration=_CFGR,
        switch=3,
        status=2,
        sources=(
            Oscillator("MSI", 0, 1),
            Oscillator("HSI16", 8, 10),
            Oscillator("HSE", 16, 17),
            Oscillator("PLL", 24, 25),
            Oscillator("PLLSAI1", 26, 27),
            Oscillator("PLLSAI2", 28, 29),
        ),
        running=("MSI",),
        system=_SYSTEM,
        pll="PLL",
        pll_setup={_PLLCFGR: 0x7FF3},  # source, M and N
        uarts={
            "USART1": (_APB2ENR, 14),
            "USART2": (_APB1ENR1, 17),
            "USART3": (_APB1ENR1, 18),
            "UART4": (_APB1ENR1, 19),
            "UART5": (_APB1ENR1, 20),
            "LPUART1": (_APB1ENR2, 0),
        },
        watchdog=0x40003000,
        resets=(0x94, 29, 23),
    )
    spaces = (
        (0x40000000, 0x40017000),  # APB1, APB2
        (0x40020000, 0x4002C000),  # AHB1
        (0x48000000, 0x48002400),  # GPIO
        (0x50000000, 0x50063000),  # AHB2
    )
    uart_layout = FIFO_USART

    def __init__(self, board: Board, supervisor: Supervisor) -> None:
        rcc = Registers(RCC, {_CR: 0x61, _PLLCFGR: 0x1000})
        self._pwr = Registers(PWR, {_PWR_CR1: 0x200, _PWR_CR5: 0x100})
        self._flash = Registers(FLASH, {0: 0x600})
        self._range_at = 0  # when the regulator has settled
        self._hsi48_at: int | None = None  # when HSI48 is ready; None while it is off
        self._board = board
        ports = Ports(GPIO, 9, ALL_ANALOG, rcc, (_AHB2ENR, "RCC_AHB2ENR"), supervisor)
        super().__init__(board, supervisor, rcc, (self._pwr, self._flash), ports)
        self.units = (CrcUnit(lambda: bool(rcc[_AHB1ENR] >> 12 & 1), supervisor.violate),)

    def core_clock_hz(self) -> float:
        """Clock of the core, which is the bus clock too."""
        return self._core_hz(self._rcc[_CFGR])

    def uart_clock_hz(self, console: Console) -> float:
        """Kernel clock of a UART."""
        select = self._rcc[_CCIPR] >> _UART_SELECT[console.uart] & 3
        if select == 0:
            shift = 11 if console.uart == "USART1" else 8
            return self.core_clock_hz() / PPRE[self._rcc[_CFGR] >> shift & 7]
        return (0.0, self._system_hz(), _HSI_HZ, LSE_HZ)[select]

    def open_sdio(self, card: Card, memory: Memory) -> SdmmcPort:
        """The SDMMC with a card that is wired to the board's pins for it."""

        def kernel_hz() -> float:
            selected = self._rcc[_CCIPR] & _CLK48SEL or self._rcc[_CCIPR2] & _SDMMCSEL
            return 0.0 if selected or not self._is_hsi48_ready() else _HSI48_HZ

        clocks = SdmmcClocks(
            self.core_clock_hz, kernel_hz, lambda: bool(self._rcc[_AHB2ENR] >> 22 & 1)
        )
        return SdmmcPort(self._board, self._supervisor, clocks, self._ports, memory, card)

    def open_spi(self, device: Device, memory: Memory) -> SpiPort:
        """The SPI with a device that is wired to the board's pins for it."""

        def bus_hz() -> float:
            return self.core_clock_hz() / PPRE[self._rcc[_CFGR] >> 8 & 7]

        def enabled(base: int) -> bool:
            register, bit = _SPI_CLOCKS[base]
            return bool(self._rcc[register] >> bit & 1)

        clocks = Clocks(self.core_clock_hz, bus_hz, enabled)
        return SpiPort(self._board, self._supervisor, clocks, self._ports, memory, device)

    def console_problems(self, console: Console) -> list[str]:
        """Why the console's pins cannot work."""
        problems = super().console_problems(console)
        on_port_g = any(pin.port == "G" and pin.pin >= 2 for pin in console.pins)
        if on_port_g and not self._pwr[_PWR_CR2] >> 9 & 1:
            problems.append("pins PG2 to PG15 have no supply (PWR_CR2.IOSV is clear)")
        return problems

    def _read_block(self, block: Registers, offset: int) -> int:
        if block is self._pwr:
            if not self._is_pwr_clocked():
                return 0
            if offset == _PWR_SR2:
                return (self._supervisor.now() < self._range_at) << 10
        return block[offset]

    def _write_block(self, block: Registers, offset: int, value: int) -> None:
        if block is self._pwr:
            if not self._is_pwr_clocked():
                self._supervisor.violate(
                    "PWR is written while its clock is off (RCC_APB1ENR1 bit 28)"
                )
                return
            regulator = {_PWR_CR1: 0x600, _PWR_CR5: 0x100}.get(offset, 0)
            if (value ^ block[offset]) & regulator:
                self._range_at = self._supervisor.now() + START_UP
        block[offset] = value

    def _is_hsi48_ready(self) -> bool:
        return self._hsi48_at is not None and self._supervisor.now() >= self._hsi48_at

    def _read_rcc(self, offset: int) -> int:
        if offset == _CRRCR:
            return self._rcc[_CRRCR] & ~2 | self._is_hsi48_ready() << 1
        return super()._read_rcc(offset)

    def _write_rcc(self, offset: int, value: int) -> None:
        if offset == _CRRCR and not value & 1:
            self._hsi48_at = None
        elif offset == _CRRCR and self._hsi48_at is None:
            self._hsi48_at = self._supervisor.now() + START_UP
        before = self._rcc[_CFGR]
        switches = offset == _CFGR and value & 3 != before & 3
        if switches and self._core_hz(value) > 80e6 >= self._core_hz(before):
            self._supervisor.violate(
                "the core clock is switched from below to above 80 MHz in one step:"
                " RCC_CFGR.HPRE has to divide by 2 for at least a microsecond"
            )
        super()._write_rcc(offset, value)

    def _is_pwr_clocked(self) -> bool:
        return bool(self._rcc[_APB1ENR1] >> 28 & 1)

    def _internal_hz(self, name: str) -> float:
        if name == "MSI":
            selected = self._rcc[_CR] >> 3 & 1
            index = self._rcc[_CR] >> 4 & 15 if selected else 6
            return 1e3 * _MSI_KHZ[min(index, len(_MSI_KHZ) - 1)]
        return _HSI_HZ

    def _pll(self) -> Pll:
        fields = self._rcc[_PLLCFGR]
        return Pll(
            source=(None, "MSI", "HSI16", "HSE")[fields & 3],
            divider=(fields >> 4 & 15) + 1,
            factor=fields >> 8 & 127,
            output=2 * (fields >> 25 & 3) + 2 if fields >> 24 & 1 else 0,
            reference_mhz=(4, 16),
            vco_mhz=(64, 344),
        )

    def _core_hz(self, configuration: int) -> float:
        return self._source_hz(_SYSTEM[configuration & 3]) / HPRE[configuration >> 4 & 15]

    def _clock_problems(self) -> list[str]:
        core = self.core_clock_hz() / 1e6
        voltage = 2 if self._pwr[_PWR_CR1] >> 9 & 3 == 2 else 1
        settled = self._supervisor.now() >= self._range_at
        boost = voltage == 1 and not self._pwr[_PWR_CR5] >> 8 & 1 and settled
        most = 26 if voltage == 2 else 120 if boost else 80
        if core > most:
            mode = (
                "range 2" if voltage == 2 else "range 1 boost" if boost else "range 1 without boost"
            )
            return [f"the core runs at {core:g} MHz, voltage {mode} allows {most} MHz"]
        states = self._flash[0] & 15
        needed = next(n for n, limit in enumerate((*_WAIT_STATES[voltage], 1e9)) if core <= limit)
        if states < needed:
            return [f"flash has {states} wait states at {core:g} MHz, it needs {needed}"]
        return []
