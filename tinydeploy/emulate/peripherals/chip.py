"""What the models of all chip families share: the RCC with its clock sources and PLL, and pins.

A family adds its registers, voltage scales and limits.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import ClassVar

from tinydeploy.board import Board, Console
from tinydeploy.emulate.peripherals.family import Supervisor, Unit
from tinydeploy.emulate.peripherals.registers import Oscillator, Oscillators, Ports, Registers
from tinydeploy.emulate.peripherals.uart import Uart
from tinydeploy.emulate.peripherals.uart_layout import UartLayout
from tinydeploy.emulate.peripherals.watchdog import Watchdog

# Dividers by the value of their field: of the bus clock, and of the peripheral buses' clocks.
HPRE = (1, 1, 1, 1, 1, 1, 1, 1, 2, 4, 8, 16, 64, 128, 256, 512)
PPRE = (1, 1, 1, 1, 2, 4, 8, 16)
LSE_HZ = 32768.0

_CR = 0x00
_HSEBYP = 1 << 18


@dataclass(frozen=True)
class RccLayout:
    """Where a family's RCC keeps what all of them have; its control register is at offset 0.

    Args:
        configuration: Offset of RCC_CFGR.
        switch: Mask of its field SW, which begins at bit 0.
        status: Position of its field SWS.
        sources: Clock sources with their bits in RCC_CR.
        running: Names of those that run after reset.
        system: Names of the system clocks by value of SW.
        pll: Name of the PLL that may drive the core.
        pll_setup: Bits that may not change while it is on, by offset of their register.
        uarts: Offset of the enable register and bit by UART.
        watchdog: Address of the independent watchdog.
        resets: Offset of the register that tells what reset the chip, its bit for that watchdog,
            and the bit that clears it.
    """

    configuration: int
    switch: int
    status: int
    sources: tuple[Oscillator, ...]
    running: tuple[str, ...]
    system: tuple[str, ...]
    pll: str
    pll_setup: Mapping[int, int]
    uarts: Mapping[str, tuple[int, int]]
    watchdog: int
    resets: tuple[int, int, int]


@dataclass(frozen=True)
class Pll:
    """What the registers make of the PLL.

    Args:
        source: Name of its clock source; None where none is selected.
        divider: In front of it.
        factor: From there to the VCO.
        output: Divider of the output that may drive the core; 0 where that output is off.
        reference_mhz: Lowest and highest clock at its input.
        vco_mhz: Lowest and highest clock of the VCO.
        problems: What else is wrong with its registers.
    """

    source: str | None
    divider: int
    factor: float
    output: int
    reference_mhz: tuple[float, float]
    vco_mhz: tuple[float, float]
    problems: tuple[str, ...] = ()


class Chip(ABC):
    """Clocks, voltages, flash wait states and pins of a chip; see Family for its public side.

    Args:
        board: Says which clock arrives at OSC_IN.
        supervisor: For the time and reports.
        rcc: Reset and clock control.
        others: Further blocks of registers.
        ports: The GPIO ports.
    """

    layout: ClassVar[RccLayout]
    spaces: ClassVar[tuple[tuple[int, int], ...]]
    uart_layout: ClassVar[UartLayout]
    core_registers: ClassVar[Mapping[int, int]] = {}
    units: tuple[Unit, ...] = ()

    def __init__(
        self,
        board: Board,
        supervisor: Supervisor,
        rcc: Registers,
        others: tuple[Registers, ...],
        ports: Ports,
    ) -> None:
        self._supervisor = supervisor
        self._hse_hz = float(board.external_clock_hz)
        self._crystal = board.external_crystal
        self._rcc, self._ports = rcc, ports
        self._oscillators = Oscillators(self.layout.sources, supervisor, self.layout.running)
        self._ready = sum(1 << source.ready for source in self.layout.sources)
        self._watchdog = Watchdog(self.layout.watchdog, supervisor, self.core_clock_hz)
        self._blocks = {block.base >> 10: block for block in (rcc, *others)}
        self.windows = (
            *((block.base, 0x400) for block in self._blocks.values()),
            ports.window,
            self._watchdog.window,
        )

    @abstractmethod
    def core_clock_hz(self) -> float:
        """Clock of the core."""

    @abstractmethod
    def uart_clock_hz(self, console: Console) -> float:
        """Clock of the console's baud-rate generator."""

    @abstractmethod
    def _internal_hz(self, name: str) -> float:
        """Clock of an internal oscillator."""

    @abstractmethod
    def _pll(self) -> Pll:
        """The PLL as the registers set it up."""

    @abstractmethod
    def _clock_problems(self) -> list[str]:
        """Limits that the clocks break at the present voltage and with the present wait states."""

    def read(self, address: int) -> int:
        """Reads a register."""
        if address >> 10 == self.layout.watchdog >> 10:
            return self._watchdog.read(address)
        found = self._find(address)
        if found is None:
            return self._ports.read(address)
        block, offset = found
        return self._read_rcc(offset) if block is self._rcc else self._read_block(block, offset)

    def write(self, address: int, value: int) -> None:
        """Writes a register and looks whether the clocks are still within their limits."""
        if address >> 10 == self.layout.watchdog >> 10:
            self._watchdog.write(address, value)
            return
        found = self._find(address)
        if found is None:
            self._ports.write(address, value)
            return
        block, offset = found
        if block is self._rcc:
            self._write_rcc(offset, value)
        else:
            self._write_block(block, offset, value)
        for problem in self._clock_problems()[:1]:
            self._supervisor.violate(problem)

    def open_uart(
        self, console: Console, send: Callable[[int], None], look: Callable[[bool], None]
    ) -> Uart:
        """The console's USART; see Family."""
        return Uart(console, self, self.uart_layout, self._supervisor, send, look)

    def console_problems(self, console: Console) -> list[str]:
        """Why the console's pins cannot work."""
        return self._ports.console_problems(console)

    def is_uart_clocked(self, console: Console) -> bool:
        """Whether the console's UART has its bus clock."""
        register, bit = self.layout.uarts[console.uart]
        return bool(self._rcc[register] >> bit & 1)

    def watchdog_deadline(self) -> int | None:
        """Core clock cycles since reset at which the watchdog bites; None while it stands."""
        return self._watchdog.deadline()

    def note_watchdog_reset(self) -> None:
        """The watchdog has reset the chip: sets the flag that tells."""
        register, flag, _ = self.layout.resets
        self._rcc[register] |= 1 << flag

    def _find(self, address: int) -> tuple[Registers, int] | None:
        """Block and offset of a register; None for those of the ports."""
        block = self._blocks.get(address >> 10)
        return (block, address - block.base) if block is not None else None

    def _read_block(self, block: Registers, offset: int) -> int:
        return block[offset]

    def _write_block(self, block: Registers, offset: int, value: int) -> None:
        block[offset] = value

    def _read_rcc(self, offset: int) -> int:
        layout, value = self.layout, self._rcc[offset]
        if offset == _CR:
            return value & ~self._ready | self._oscillators.ready_bits()
        if offset == layout.configuration:
            return value & ~(layout.switch << layout.status) | (
                (value & layout.switch) << layout.status
            )
        return value

    def _write_rcc(self, offset: int, value: int) -> None:
        layout, violate = self.layout, self._supervisor.violate
        if offset == _CR:
            self._write_control(value)
        elif offset == layout.configuration:
            name = self._system_name(value)
            if name is None:
                violate(f"RCC_CFGR.SW is {value & layout.switch}, which selects no clock")
            elif not self._oscillators.is_ready(name):
                violate(f"the system clock is switched to {name} before {name} is ready")
        elif (value ^ self._rcc[offset]) & layout.pll_setup.get(offset, 0) and (
            self._oscillators.is_on(layout.pll)
        ):
            violate(f"{layout.pll} is configured while it is on")
        register, flag, clear = layout.resets
        if offset == register:
            kept = 0 if value >> clear & 1 else self._rcc[offset] & 1 << flag
            value = value & ~(1 << flag) | kept
        self._rcc[offset] = value

    def _write_control(self, value: int) -> None:
        oscillators, pll = self._oscillators, self.layout.pll
        used = self._system_name(self._rcc[self.layout.configuration])
        turns_on = not oscillators.is_on(pll)
        # A clock signal wants the bypass of the crystal's oscillator, a crystal must not have it.
        fits = bool(value & _HSEBYP) != self._crystal
        blocked = () if fits and self._hse_hz else ("HSE",)
        if value >> oscillators.enable_bit(pll) & 1 and turns_on:
            for problem in self._pll_problems()[:1]:
                self._supervisor.violate(problem)
        oscillators.control(value, blocked)
        if used is not None and not oscillators.is_on(used):
            self._supervisor.violate(f"{used} is turned off while the core runs from it")

    def _system_name(self, configuration: int) -> str | None:
        """The system clock that a value of RCC_CFGR selects."""
        select = configuration & self.layout.switch
        return self.layout.system[select] if select < len(self.layout.system) else None

    def _system_hz(self) -> float:
        name = self._system_name(self._rcc[self.layout.configuration])
        return self._source_hz(name or self.layout.running[0])

    def _source_hz(self, name: str) -> float:
        if name == "HSE":
            return self._hse_hz
        if name != self.layout.pll:
            return self._internal_hz(name)
        output = self._pll().output
        return self._vco_hz() / output if output else 0.0

    def _vco_hz(self) -> float:
        pll = self._pll()
        if pll.source is None or not pll.divider:
            return 0.0
        return self._source_hz(pll.source) / pll.divider * pll.factor

    def _pll_problems(self) -> list[str]:
        """Rules for turning on the PLL: source, reference and VCO range."""
        name, pll = self.layout.pll, self._pll()
        if pll.source is None or not pll.divider:
            return [f"{name} is turned on without a clock source"]
        if not self._oscillators.is_ready(pll.source):
            return [f"{name} is turned on before its source {pll.source} is ready"]
        clocks = (
            ("reference", self._source_hz(pll.source) / pll.divider / 1e6, pll.reference_mhz),
            ("VCO", self._vco_hz() / 1e6, pll.vco_mhz),
        )
        return [
            *pll.problems,
            *(
                f"{name}'s {what} of {mhz:g} MHz is outside {least:g} to {most:g} MHz"
                for what, mhz, (least, most) in clocks
                if not least <= mhz <= most
            ),
        ]
