"""STM32L4+ (L4R/L4S): RCC, PWR, FLASH and GPIO, as far as clocks and console need them.

Registers, limits and tables: RM0432 (RCC chapter 6, PWR chapter 5, flash wait states chapter 3).
"""

from __future__ import annotations

from tinydeploy.board import Board, Console
from tinydeploy.emulate.peripherals.family import START_UP, Supervisor
from tinydeploy.emulate.peripherals.registers import Oscillator, Oscillators, Ports, Registers

HSI_HZ = 16e6

RCC, PWR, FLASH, GPIO = 0x40021000, 0x40007000, 0x40022000, 0x48000000
_CR, _CFGR, _PLLCFGR, _AHB2ENR, _APB1ENR1, _APB1ENR2, _APB2ENR, _CCIPR = (
    0x00, 0x08, 0x0C, 0x4C, 0x58, 0x5C, 0x60, 0x88,
)  # fmt: skip
_PWR_CR1, _PWR_CR2, _PWR_SR2, _PWR_CR5 = 0x00, 0x04, 0x14, 0x80

_SOURCES = (
    Oscillator("MSI", 0, 1),
    Oscillator("HSI16", 8, 10),
    Oscillator("HSE", 16, 17),
    Oscillator("PLL", 24, 25),
    Oscillator("PLLSAI1", 26, 27),
    Oscillator("PLLSAI2", 28, 29),
)
_READY = sum(1 << source.ready for source in _SOURCES)
_SYSTEM = ("MSI", "HSI16", "HSE", "PLL")
_MSI_KHZ = (100, 200, 400, 800, 1000, 2000, 4000, 8000, 16000, 24000, 32000, 48000)
_HPRE = (1, 1, 1, 1, 1, 1, 1, 1, 2, 4, 8, 16, 64, 128, 256, 512)
_PPRE = (1, 1, 1, 1, 2, 4, 8, 16)

# Highest bus clock in MHz by wait states, in range 1 and range 2.
_WAIT_STATES = {1: (20, 40, 60, 80, 100, 120), 2: (8, 16, 26)}
_UART_ENABLES = {
    "USART1": (_APB2ENR, 14), "USART2": (_APB1ENR1, 17), "USART3": (_APB1ENR1, 18),
    "UART4": (_APB1ENR1, 19), "UART5": (_APB1ENR1, 20), "LPUART1": (_APB1ENR2, 0),
}  # fmt: skip
_UART_SELECT = {"USART1": 0, "USART2": 2, "USART3": 4, "UART4": 6, "UART5": 8, "LPUART1": 10}


def open_chip(board: Board, supervisor: Supervisor) -> Stm32L4:
    """The family's model."""
    return Stm32L4(board, supervisor)


class Stm32L4:
    """Clock tree, voltage ranges, flash wait states and pins."""

    spaces = (
        (0x40000000, 0x40017000),  # APB1, APB2
        (0x40020000, 0x4002C000),  # AHB1
        (0x48000000, 0x48003000),  # GPIO
        (0x50000000, 0x50063000),  # AHB2
    )

    def __init__(self, board: Board, supervisor: Supervisor) -> None:
        self._supervisor = supervisor
        self._hse_hz = float(board.external_clock_hz)
        self._rcc = Registers(RCC, {_CR: 0x61, _PLLCFGR: 0x1000})
        self._pwr = Registers(PWR, {_PWR_CR1: 0x200, _PWR_CR5: 0x100})
        self._flash = Registers(FLASH, {0: 0x600})
        self._oscillators = Oscillators(_SOURCES, supervisor, ("MSI",))
        self._ports = Ports(
            GPIO, lambda port: bool(self._rcc[_AHB2ENR] >> port & 1), "RCC_AHB2ENR", supervisor
        )
        self._range_at = 0  # when the regulator has settled
        blocks = (self._rcc, self._pwr, self._flash)
        self._blocks = {block.base >> 10: block for block in blocks}
        self.windows = (*((block.base, 0x400) for block in blocks), self._ports.window)

    def read(self, address: int) -> int:
        """Reads a register."""
        if address >> 10 not in self._blocks:
            return self._ports.read(address)
        block = self._blocks[address >> 10]
        offset = address - block.base
        value = block[offset]
        if block is self._rcc and offset == _CR:
            return value & ~_READY | self._oscillators.ready_bits()
        if block is self._rcc and offset == _CFGR:
            return value & ~0xC | (value & 3) << 2
        if block is self._pwr:
            if not self._is_pwr_clocked():
                return 0
            if offset == _PWR_SR2:
                return (self._supervisor.now() < self._range_at) << 10
        return value

    def write(self, address: int, value: int) -> None:
        """Writes a register and looks whether the clocks are still within their limits."""
        if address >> 10 not in self._blocks:
            self._ports.write(address, value)
            return
        block = self._blocks[address >> 10]
        if block is self._rcc:
            self._write_rcc(address - block.base, value)
        elif block is self._pwr:
            self._write_pwr(address - block.base, value)
        else:
            block[address - block.base] = value
        for problem in self._clock_problems()[:1]:
            self._supervisor.violate(problem)

    def core_clock_hz(self) -> float:
        """Clock of the core, which is the bus clock too."""
        return self._core_hz(self._rcc[_CFGR])

    def uart_clock_hz(self, console: Console) -> float:
        """Kernel clock of a UART."""
        select = self._rcc[_CCIPR] >> _UART_SELECT[console.uart] & 3
        if select == 0:
            shift = 11 if console.uart == "USART1" else 8
            return self.core_clock_hz() / _PPRE[self._rcc[_CFGR] >> shift & 7]
        return (0.0, self._source_hz(_SYSTEM[self._rcc[_CFGR] & 3]), HSI_HZ, 32768.0)[select]

    def console_problems(self, console: Console) -> list[str]:
        """Why the console's pins cannot work."""
        problems = self._ports.console_problems(console)
        on_port_g = any(pin.port == "G" and pin.pin >= 2 for pin in (console.tx, console.rx))
        if on_port_g and not self._pwr[_PWR_CR2] >> 9 & 1:
            problems.append("pins PG2 to PG15 have no supply (PWR_CR2.IOSV is clear)")
        return problems

    def is_uart_clocked(self, console: Console) -> bool:
        """Whether the UART's bus clock is on."""
        register, bit = _UART_ENABLES[console.uart]
        return bool(self._rcc[register] >> bit & 1)

    def _is_pwr_clocked(self) -> bool:
        return bool(self._rcc[_APB1ENR1] >> 28 & 1)

    def _write_rcc(self, offset: int, value: int) -> None:
        rcc, oscillators = self._rcc, self._oscillators
        if offset == _CR:
            if value >> 24 & 1 and not oscillators.is_on("PLL"):
                for problem in self._pll_problems()[:1]:
                    self._supervisor.violate(problem)
            # The board may feed a clock signal; without the bypass bit the crystal oscillator never
            # starts.
            blocked = () if value >> 18 & 1 and self._hse_hz else ("HSE",)
            oscillators.control(value, blocked)
        elif offset == _PLLCFGR and oscillators.is_on("PLL") and (value ^ rcc[offset]) & 0x7FF3:
            self._supervisor.violate("the PLL's source, M or N is changed while it is on")
        elif offset == _CFGR:
            name = _SYSTEM[value & 3]
            if not oscillators.is_ready(name):
                self._supervisor.violate(
                    f"the system clock is switched to {name} before {name} is ready"
                )
            switched = value & 3 != rcc[_CFGR] & 3
            if switched and self._core_hz(value) > 80e6 >= self._core_hz(rcc[_CFGR]):
                self._supervisor.violate(
                    "the core clock is switched from below to above 80 MHz in one step:"
                    " RCC_CFGR.HPRE has to divide by 2 for at least a microsecond"
                )
        rcc[offset] = value

    def _write_pwr(self, offset: int, value: int) -> None:
        if not self._is_pwr_clocked():
            self._supervisor.violate("PWR is written while its clock is off (RCC_APB1ENR1 bit 28)")
            return
        changed = (value ^ self._pwr[offset]) & {_PWR_CR1: 0x600, _PWR_CR5: 0x100}.get(offset, 0)
        self._pwr[offset] = value
        if changed:
            self._range_at = self._supervisor.now() + START_UP

    def _source_hz(self, name: str) -> float:
        if name == "MSI":
            selected = self._rcc[_CR] >> 3 & 1
            index = self._rcc[_CR] >> 4 & 15 if selected else 6
            return 1e3 * _MSI_KHZ[min(index, len(_MSI_KHZ) - 1)]
        return self._pll_hz()[1] if name == "PLL" else {"HSI16": HSI_HZ, "HSE": self._hse_hz}[name]

    def _pll_hz(self) -> tuple[float, float]:
        """VCO and R output of the PLL in Hz; zeros where it has no source or R is off."""
        fields = self._rcc[_PLLCFGR]
        if not fields & 3:
            return 0.0, 0.0
        source = self._source_hz(("MSI", "HSI16", "HSE")[(fields & 3) - 1])
        vco = source / ((fields >> 4 & 15) + 1) * (fields >> 8 & 127)
        return vco, vco / (2 * (fields >> 25 & 3) + 2) if fields >> 24 & 1 else 0.0

    def _pll_problems(self) -> list[str]:
        """Rules for turning on the PLL: source, VCO input and output."""
        fields = self._rcc[_PLLCFGR]
        if not fields & 3:
            return ["the PLL is turned on without a clock source"]
        name = ("MSI", "HSI16", "HSE")[(fields & 3) - 1]
        if not self._oscillators.is_ready(name):
            return [f"the PLL is turned on before its source {name} is ready"]
        reference = self._source_hz(name) / ((fields >> 4 & 15) + 1) / 1e6
        vco = self._pll_hz()[0] / 1e6
        problems = []
        if not 4 <= reference <= 16:
            problems.append(f"the PLL's reference of {reference:g} MHz is outside 4 to 16 MHz")
        if not 64 <= vco <= 344:
            problems.append(f"the PLL's VCO of {vco:g} MHz is outside 64 to 344 MHz")
        return problems

    def _core_hz(self, configuration: int) -> float:
        return self._source_hz(_SYSTEM[configuration & 3]) / _HPRE[configuration >> 4 & 15]

    def _clock_problems(self) -> list[str]:
        """Limits of the core clock at the present voltage, and flash wait states."""
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
