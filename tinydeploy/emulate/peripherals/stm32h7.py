"""STM32H74x/H75x: RCC, PWR, SYSCFG, FLASH and GPIO, as far as clocks and console need them.

Registers, limits and tables: RM0433 (RCC chapter 8, PWR chapter 6, flash wait states table 17),
revision V silicon.
"""

from __future__ import annotations

from tinydeploy.board import Board, Console
from tinydeploy.emulate.peripherals.chip import HPRE, LSE_HZ, PPRE, Chip, Pll, RccLayout
from tinydeploy.emulate.peripherals.family import START_UP, Supervisor
from tinydeploy.emulate.peripherals.registers import ALL_ANALOG, Oscillator, Ports, Registers
from tinydeploy.emulate.peripherals.uart_layout import FIFO_USART

RCC, PWR, SYSCFG, FLASH, GPIO = 0x58024400, 0x58024800, 0x58000400, 0x52002000, 0x58020000
DBGMCU = 0x5C001000
_CR, _CFGR, _D1CFGR, _D2CFGR, _D3CFGR, _PLLCKSELR, _PLLCFGR, _PLL1DIVR, _PLL1FRACR, _D2CCIP2R = (
    0x00, 0x10, 0x18, 0x1C, 0x20, 0x28, 0x2C, 0x30, 0x34, 0x54,
)  # fmt: skip
_APB4RSTR, _RSR, _AHB4ENR, _APB1LENR, _APB2ENR, _APB4ENR = 0x9C, 0xD0, 0xE0, 0xE8, 0xF0, 0xF4
_CORE1 = 0x60  # the same registers again for core 1, from RSR on
_CSR1, _CR3, _D3CR = 0x04, 0x0C, 0x18
_PWRCR = 0x2C

_HSI_HZ, _CSI_HZ = 64e6, 4e6
_ALL = 0xFFFFFFFF

# Highest core, bus (AXI, AHB) and peripheral (APB) clocks in MHz at VOS0 to VOS3.
_LIMITS = ((480, 240, 120), (400, 200, 100), (300, 150, 75), (200, 100, 50))
# Highest AXI clock in MHz for (wait states, WRHIGHFREQ) at VOS0 to VOS3.
_VOS1_WAIT = ((70, 0, 0), (140, 1, 1), (185, 2, 1), (210, 2, 2), (225, 3, 2))
_WAIT_STATES = (
    (*_VOS1_WAIT, (240, 4, 2)),
    _VOS1_WAIT,
    ((55, 0, 0), (110, 1, 1), (165, 2, 2), (225, 3, 2)),
    ((45, 0, 0), (90, 1, 1), (135, 2, 2), (180, 3, 2), (225, 4, 2)),
)


def open_chip(board: Board, supervisor: Supervisor) -> Stm32H7:
    """The family's model."""
    return Stm32H7(board, supervisor)


class Stm32H7(Chip):
    """Clock tree, voltage scaling, flash wait states and pins."""

    layout = RccLayout(
        configuration=_CFGR,
        switch=7,
        status=3,
        sources=(
            Oscillator("HSI", 0, 2),
            Oscillator("CSI", 7, 8),
            Oscillator("HSI48", 12, 13),
            Oscillator("HSE", 16, 17),
            Oscillator("PLL1", 24, 25),
            Oscillator("PLL2", 26, 27),
            Oscillator("PLL3", 28, 29),
        ),
        running=("HSI",),
        system=("HSI", "CSI", "HSE", "PLL1"),
        pll="PLL1",
        pll_setup={_PLLCKSELR: _ALL, _PLLCFGR: _ALL, _PLL1DIVR: _ALL},
        uarts={
            "USART1": (_APB2ENR, 4),
            "USART2": (_APB1LENR, 17),
            "USART3": (_APB1LENR, 18),
            "UART4": (_APB1LENR, 19),
            "UART5": (_APB1LENR, 20),
            "USART6": (_APB2ENR, 5),
            "UART7": (_APB1LENR, 30),
            "UART8": (_APB1LENR, 31),
        },
        watchdog=0x58004800,
        resets=(0xD0, 26, 16),
    )
    spaces = (
        (0x40000000, 0x40018000),  # APB1, APB2
        (0x40020000, 0x400C0000),  # AHB1
        (0x48020000, 0x48024000),  # AHB2
        (0x50000000, 0x50004000),  # APB3
        (0x51000000, 0x5200A000),  # AXI interconnect, AHB3
        (0x58000000, 0x58007000),  # APB4
        (0x58020000, 0x58028000),  # AHB4
        (0x5C001000, 0x5C001400),  # DBGMCU
    )
    uart_layout = FIFO_USART

    def __init__(self, board: Board, supervisor: Supervisor) -> None:
        rcc = Registers(
            RCC, {_CR: 1, _PLLCKSELR: 0x02020200, _PLLCFGR: 0x01FF0000, _PLL1DIVR: 0x01010280}
        )
        self._pwr = Registers(PWR, {_CR3: 6, _D3CR: 1 << 14})
        self._syscfg = Registers(SYSCFG)
        self._flash = Registers(FLASH, {0: 0x37})
        self._supplied = False  # PWR_CR3 was written: voltage scaling works
        self._vos, self._vos_at = 3, 0
        identity = Registers(DBGMCU, {0: 0x2003_6450})  # STM32H743, revision V
        others = (self._pwr, self._syscfg, self._flash, identity)
        ports = Ports(GPIO, 11, ALL_ANALOG, rcc, (_AHB4ENR, "RCC_AHB4ENR"), supervisor)
        super().__init__(board, supervisor, rcc, others, ports)

    def core_clock_hz(self) -> float:
        """Clock of the core."""
        return self._system_hz() / HPRE[self._rcc[_D1CFGR] >> 8 & 15]

    def uart_clock_hz(self, console: Console) -> float:
        """Kernel clock of a USART."""
        first = console.uart in ("USART1", "USART6")
        select = self._rcc[_D2CCIP2R] >> (3 if first else 0) & 7
        if select == 0:
            shift = 8 if first else 4
            return self._bus_hz() / PPRE[self._rcc[_D2CFGR] >> shift & 7]
        clocks = {3: self._internal_hz("HSI"), 4: _CSI_HZ, 5: LSE_HZ}
        return clocks.get(select, 0.0)

    def _find(self, address: int) -> tuple[Registers, int] | None:
        found = super()._find(address)
        if found is None or found[0] is not self._rcc:
            return found
        offset = found[1]  # core 1's view of the enable registers is the same as the shared one
        folds = _RSR + _CORE1 <= offset < _RSR + 2 * _CORE1
        return self._rcc, offset - _CORE1 if folds else offset

    def _read_rcc(self, offset: int) -> int:
        value = super()._read_rcc(offset)
        return value | 3 << 14 if offset == _CR else value  # D1CKRDY, D2CKRDY

    def _read_block(self, block: Registers, offset: int) -> int:
        value = block[offset]
        if block is self._pwr and offset in (_CSR1, _D3CR):
            ready = self._supervisor.now() >= self._vos_at
            if offset == _CSR1:
                return (ready and self._supplied) << 13 | self._pwr[_D3CR] & 3 << 14
            return value & ~(1 << 13) | ready << 13
        if block is self._syscfg and not self._rcc[_APB4ENR] & 2:
            return 0
        if block is self._flash and offset == 0x100:
            return block[0]
        return value

    def _write_block(self, block: Registers, offset: int, value: int) -> None:
        if block is self._syscfg and not self._rcc[_APB4ENR] & 2:
            self._supervisor.violate("SYSCFG is written while its clock is off (RCC_APB4ENR bit 1)")
            return
        if block is self._pwr and offset == _CR3:
            if self._supplied:  # may be written once after power-on
                return
            self._supplied = True
            self._vos_at = self._supervisor.now() + START_UP
        block[offset] = value
        if (block is self._pwr and offset == _D3CR) or (block is self._syscfg and offset == _PWRCR):
            self._set_vos()

    def _write_rcc(self, offset: int, value: int) -> None:
        if offset == _APB4RSTR and value & 2:
            self._syscfg.reset()
            self._set_vos()
        super()._write_rcc(offset, value)

    def _set_vos(self) -> None:
        """Voltage scale from PWR_D3CR.VOS (3 is VOS1) and SYSCFG_PWRCR.ODEN (VOS0)."""
        scale = (3, 3, 2, 1)[self._pwr[_D3CR] >> 14 & 3]
        if scale == 1 and self._syscfg[_PWRCR] & 1:
            scale = 0
        if not self._supplied and scale != self._vos:
            self._supervisor.violate(
                "the voltage scale is changed before PWR_CR3 configures the supply"
            )
            return
        if scale != self._vos:
            # A higher voltage is there after a while only, a lower one counts at once.
            settles = START_UP if scale < self._vos else 0
            self._vos, self._vos_at = scale, self._supervisor.now() + settles

    def _internal_hz(self, name: str) -> float:
        return _CSI_HZ if name == "CSI" else _HSI_HZ / (1 << (self._rcc[_CR] >> 3 & 3))

    def _pll(self) -> Pll:
        select, setup, fields = (self._rcc[at] for at in (_PLLCKSELR, _PLLCFGR, _PLL1DIVR))
        factor = (fields & 0x1FF) + 1.0
        if setup & 1:
            factor += (self._rcc[_PLL1FRACR] >> 3 & 0x1FFF) / 8192
        lowest = 1 << (setup >> 2 & 3)
        return Pll(
            source=("HSI", "CSI", "HSE", None)[select & 3],
            divider=select >> 4 & 63,
            factor=factor,
            output=(fields >> 9 & 127) + 1,
            reference_mhz=(lowest, 2 * lowest),
            vco_mhz=(150, 420) if setup & 2 else (192, 960),
        )

    def _bus_hz(self) -> float:
        return self.core_clock_hz() / HPRE[self._rcc[_D1CFGR] & 15]

    def _clock_problems(self) -> list[str]:
        core, bus = self.core_clock_hz() / 1e6, self._bus_hz() / 1e6
        # While the regulator still moves, only what the lowest scale allows is safe.
        scale = self._vos if self._supervisor.now() >= self._vos_at else 3
        most_core, most_bus, most_peripheral = _LIMITS[scale]
        if core > most_core:
            return [f"the core runs at {core:g} MHz, VOS{scale} allows {most_core} MHz"]
        if bus > most_bus:
            return [f"the bus runs at {bus:g} MHz, VOS{scale} allows {most_bus} MHz"]
        rcc = self._rcc
        fields = (rcc[_D1CFGR] >> 4, rcc[_D2CFGR] >> 4, rcc[_D2CFGR] >> 8, rcc[_D3CFGR] >> 4)
        peripheral = max(bus / PPRE[field & 7] for field in fields)
        # Straight after reset all buses run from the HSI undivided: that state is safe whatever the
        # table says.
        if peripheral > most_peripheral and self._system_name(rcc[_CFGR]) != "HSI":
            return [f"an APB runs at {peripheral:g} MHz, VOS{scale} allows {most_peripheral} MHz"]
        states, delay = self._flash[0] & 15, self._flash[0] >> 4 & 3
        needed = next(((s, d) for most, s, d in _WAIT_STATES[scale] if bus <= most), (15, 3))
        if states < needed[0] or delay < needed[1]:
            return [
                f"flash has {states} wait states and WRHIGHFREQ {delay} at {bus:g} MHz,"
                f" it needs {needed[0]} and {needed[1]}"
            ]
        return []
