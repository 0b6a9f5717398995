"""STM32L4+'s SDMMC1 with its own DMA, and an SDIO card: as far as blocks over four lines go.

Registers: RM0432, chapter of SDMMC. What a chip would not report, a test of the board would not
find: those are broken rules here.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass
from typing import Protocol

from tinydeploy.board import Board, SdioPort
from tinydeploy.emulate.peripherals import sdmmc_registers as reg
from tinydeploy.emulate.peripherals.family import Supervisor
from tinydeploy.emulate.peripherals.registers import Ports, Registers
from tinydeploy.emulate.peripherals.spi_stm32l4 import Memory
from tinydeploy.npu import sdio

_POWER_CLOCKS = 74  # from power-on to the first command
_RESPONSE_LIMIT = 64  # clocks
_SHOW_CLOCKS = 3  # from a write to CMD until CPSMACT: it comes from the other clock
_DEFAULT_HZ = 25e6  # that a card takes before it is set to more
_MASTER_NAME = "sdmmc1"


class Card(Protocol):
    """What is wired to the SDMMC; see npu/link_sdio.py."""

    def reset(self, now: int) -> None:
        """RESET is released."""

    def command(self, token: bytes, now: int) -> bytes | None:
        """Takes a command."""

    def take_block(self, wire: bytes, now: int) -> int | None:
        """Takes a block."""

    def give_block(self, now: int) -> bytes | None:
        """Gives a block."""

    def busy_until(self) -> int | None:
        """When DAT0 rises behind a written block."""

    def ready_at(self) -> int | None:
        """When a block begins that was asked for."""

    def lines(self) -> int:
        """How many carry data."""

    def is_fast(self) -> bool:
        """Whether it takes clocks beyond 25 MHz."""


@dataclass(frozen=True)
class SdmmcClocks:
    """What the SDMMC needs of the chip's clocks.

    Args:
        core_hz: Clock of the core.
        kernel_hz: Its own clock; 0 where there is none.
        enabled: Whether it has its bus clock.
    """

    core_hz: Callable[[], float]
    kernel_hz: Callable[[], float]
    enabled: Callable[[], bool]


@dataclass(frozen=True)
class _Step:
    """What happens next on CMD, or on the data lines.

    Args:
        at: When, in core clock cycles.
        act: Does it.
    """

    at: float
    act: Callable[[], None]


class SdmmcPort:
    """The SDMMC and the card behind it.

    Args:
        board: Its memories, and the pins that the card is wired to.
        supervisor: For the time and reports.
        clocks: Of the chip.
        ports: The pins.
        memory: For the DMA.
        card: Lives on when the chip is reset; its time is in nanoseconds.
    """

    windows = ((reg.SDMMC1, 0x400),)

    def __init__(
        self,
        board: Board,
        supervisor: Supervisor,
        clocks: SdmmcClocks,
        ports: Ports,
        memory: Memory,
        card: Card,
    ) -> None:
        if board.accelerator is None or board.accelerator.sdio is None:
            raise ValueError("the board has no SDIO pins for an accelerator")
        self._reset_pin = board.accelerator.reset
        self._pins: SdioPort = board.accelerator.sdio
        self._board, self._supervisor, self._clocks = board, supervisor, clocks
        self._ports, self._memory, self._card = ports, memory, card
        self._words = Registers(reg.SDMMC1)
        self._command: _Step | None = None  # CPSM
        self._data: _Step | None = None  # DPSM
        self._powered_at = math.inf  # from when on the card can be asked
        self._shows_at = 0.0  # from when on CPSMACT says that a command is sent
        self._bus_free = 0.0  # from when on a command may be sent
        self._time: float = supervisor.now()  # of the step that happens, or of the last access
        self._cycles, self._ns = supervisor.now(), 0.0
        self._held = False
        self._polls = 0  # looks, one after the other, at something that is not there yet
        ports.attach((), lambda pin: False, self._follow_pins)

    def read(self, address: int) -> int:
        """Reads a register; zero while its clock is off."""
        self.settle()
        offset = address - reg.SDMMC1
        if not self._clocks.enabled():
            return 0
        if offset >= reg.FIFO:
            self._supervisor.violate("SDMMC1's FIFO is read by the core: only its DMA is modelled")
        if offset != reg.STA:
            return self._words[offset]
        if self._command or self._data:
            self._note_poll()
        return self._status()

    def write(self, address: int, value: int) -> None:
        """Writes a register; CMD sends a command."""
        self._polls = 0
        self.settle()
        offset = address - reg.SDMMC1
        violate = self._supervisor.violate
        if not self._clocks.enabled():
            violate("SDMMC1 is written while its clock is off (RCC_AHB2ENR bit 22)")
            return
        if offset == reg.ICR:
            self._words[reg.STA] &= ~(value & reg.CLEARABLE)
            return
        if offset in reg.READ_ONLY:
            return
        active = {"command_active": bool(self._command), "data_active": bool(self._data)}
        for problem in reg.list_write_problems(offset, value, **active)[:1]:
            violate(problem)
        if offset == reg.POWER:
            self._power(value)
        else:
            self._words[offset] = value
        if offset == reg.CMD and value & reg.CPSMEN:
            self._send(value)
        self._supervisor.recheck()

    def interrupts(self) -> set[int]:
        """Interrupts that are asked for now."""
        self.settle()
        return {reg.SDMMC1_IRQ} if self._status() & self._words[reg.MASK] else set()

    def alarm(self) -> int | None:
        """Core clock cycles since reset at which a flag may change next; None: not by itself."""
        steps = (self._command, self._data)
        soonest = min((step.at for step in steps if step is not None), default=math.inf)
        return None if soonest == math.inf else math.ceil(soonest)

    def settle(self) -> None:
        """Does what has come to its time, in order."""
        while True:
            step = min(
                (s for s in (self._command, self._data) if s is not None),
                key=lambda s: s.at,
                default=None,
            )
            if step is None or step.at > self._supervisor.now():
                self._time = self._supervisor.now()
                return
            if step is self._command:
                self._command = None
            else:
                self._data = None
            self._time = step.at
            step.act()

    def _power(self, value: int) -> None:
        """POWER is written; once on it stays on until the SDMMC is reset."""
        if self._words[reg.POWER] & 3 == reg.POWER_ON:
            return
        self._words[reg.POWER] = value
        if value & 3 == reg.POWER_ON and self._clock_hz():
            self._powered_at = self._after(_POWER_CLOCKS)

    def _send(self, command: int) -> None:
        """CPSMEN is written: the command goes out, as soon as the bus is free."""
        problems = reg.list_command_problems(
            self._words, self._clock_hz(), data_active=bool(self._data)
        )
        if self._time < self._powered_at:
            problems.append("a command is sent within 74 clocks of power-on")
        if command & reg.CMDTRANS and not self._reaches(self._words[reg.IDMABASE0]):
            problems.append(f"SDMMC1's DMA cannot reach {self._words[reg.IDMABASE0]:#010x}")
        problems += self._list_pin_problems()
        if problems:
            self._supervisor.violate(problems[0])
            return
        self._shows_at = self._after(_SHOW_CLOCKS)
        self._time = max(self._time, self._bus_free)
        self._command = _Step(
            self._after(sdio.TOKEN_CLOCKS), lambda: self._finish_command(command, command & 0x3F)
        )

    def _list_pin_problems(self) -> list[str]:
        pins = self._pins
        lines = ((pins.cmd, "CMD"), *((pin, f"D{n}") for n, pin in enumerate(pins.data)))
        problems = self._ports.pin_problems(pins.ck, "CK", "SDMMC1")
        for pin, role in lines:
            problems += self._ports.pin_problems(pin, role, "SDMMC1")
            if not self._ports.has_pull_up(pin):
                problems.append(f"{pin.name}, the {role} pin of SDMMC1, has no pull-up (PUPDR)")
        return problems

    def _finish_command(self, command: int, index: int) -> None:
        """The command's last bit is out."""
        argument, fast, lines = self._words[reg.ARG], self._card.is_fast(), self._card.lines()
        if command & reg.CMDSTOP and self._data:
            self._data = None
            self._flag(reg.DABORT)
        token = sdio.pack_command(index, argument)
        response = None if self._held else self._card.command(token, self._ns_at(self._time))
        if response is not None and self._clock_hz() > _DEFAULT_HZ and not fast:
            self._supervisor.violate(
                f"SDMMC1_CK has {self._clock_hz() / 1e6:g} MHz, and the card is not set to more "
                "than 25 (register 0x13)"
            )
        moves = bool(command & reg.CMDTRANS)
        if moves and response is not None and lines != self._width():
            self._supervisor.violate(
                f"SDMMC1 moves data on {self._width()} lines, the card is set to {lines}"
            )
        if moves and not argument >> 31:
            self._expect_block()
        if command >> reg.WAITRESP & 3 == reg.NO_RESPONSE:
            self._end_command(reg.CMDSENT)
        elif response is None:
            at = self._after(_RESPONSE_LIMIT)
            self._command = _Step(at, lambda: self._end_command(reg.CTIMEOUT))
        else:
            known = response
            at = self._after(sdio.RESPONSE_GAP + sdio.TOKEN_CLOCKS)
            self._command = _Step(at, lambda: self._finish_response(command, known))

    def _finish_response(self, command: int, response: bytes) -> None:
        """The response's last bit is in."""
        self._words[reg.RESPCMD] = response[0] & 0x3F
        self._words[reg.RESP1] = int.from_bytes(response[1:5], "big")
        checked = command >> reg.WAITRESP & 3 == reg.CHECKED
        if checked and response[5] != sdio.crc7(response[:5]) << 1 | 1:
            self._end_command(reg.CCRCFAIL)
            return
        self._end_command(reg.CMDREND)
        if command & reg.CMDTRANS and self._words[reg.ARG] >> 31:
            self._send_block()

    def _end_command(self, flag: int) -> None:
        self._bus_free = self._after(sdio.COMMAND_GAP)
        self._flag(flag)

    def _send_block(self) -> None:
        """A written block begins; its bytes must stay as they are until it is out."""
        source, size = self._words[reg.IDMABASE0], self._words[reg.DLEN]
        data = self._memory.read(source, size)
        clocks = sdio.WRITE_GAP + sdio.block_clocks(size)

        def finish() -> None:
            if data is None or self._memory.read(source, size) != data:
                self._supervisor.violate("bytes are changed while SDMMC1's DMA sends them")
                return
            self._finish_block(sdio.seal_block(data))

        self._data = _Step(self._after(clocks), finish)

    def _finish_block(self, wire: bytes) -> None:
        """A written block is out: the card says whether it is right, and is busy with it."""
        status = self._card.take_block(wire, self._ns_at(self._time))
        if status is None:
            self._time_out()
            return
        told = self._after(sdio.STATUS_GAP + sdio.STATUS_CLOCKS)
        if status != sdio.ACCEPTED:
            self._data = _Step(told, lambda: self._flag(reg.DCRCFAIL))
            return
        busy = self._card.busy_until()
        end = None if busy is None else max(told, self._cycle_at(busy))
        if end is None or end > told + self._span(self._words[reg.DTIMER]):
            self._time_out()
        else:
            self._data = _Step(end, lambda: self._flag(reg.DATAEND))

    def _expect_block(self) -> None:
        """A block is awaited from the card, which answers the command meanwhile."""
        ready = self._card.ready_at()
        answered = self._after(sdio.RESPONSE_GAP + sdio.TOKEN_CLOCKS)
        limit = self._after(self._words[reg.DTIMER])
        begin = None if ready is None else max(answered, self._cycle_at(ready))
        if begin is None or begin + self._span(sdio.READ_GAP) > limit:
            self._time_out()
        else:
            self._data = _Step(begin, self._receive_block)

    def _receive_block(self) -> None:
        """The card has a block, if it was asked for one."""
        wire = self._card.give_block(self._ns_at(self._time))
        if wire is None:
            self._time_out()
            return
        target, size = self._words[reg.IDMABASE0], self._words[reg.DLEN]

        def finish() -> None:
            self._memory.write(target, wire[:size])
            self._flag(reg.DCRCFAIL if sdio.open_block(wire) is None else reg.DATAEND)

        self._data = _Step(self._after(sdio.READ_GAP + sdio.block_clocks(size)), finish)

    def _time_out(self) -> None:
        """Nothing comes: after DTIMER a flag says so, and the DPSM waits on, to be stopped."""

        def tell() -> None:
            self._flag(reg.DTIMEOUT)
            self._data = _Step(math.inf, lambda: None)

        self._data = _Step(self._after(self._words[reg.DTIMER]), tell)

    def _flag(self, flag: int) -> None:
        self._words[reg.STA] |= flag

    def _status(self) -> int:
        sends = self._command and self._supervisor.now() >= self._shows_at
        active = (reg.CPSMACT if sends else 0) | (reg.DPSMACT if self._data else 0)
        return self._words[reg.STA] | active

    def _follow_pins(self) -> None:
        """A port was written: RESET may have changed."""
        self._polls = 0
        self.settle()
        held = not self._ports.is_released(self._reset_pin)
        if self._held and not held:
            self._card.reset(self._now())
        self._held = held

    def _note_poll(self) -> None:
        """The longer the firmware polls, the more time passes with each look, up to a flag."""
        self._polls += 1
        left = (self.alarm() or self._supervisor.now()) - self._supervisor.now()
        self._supervisor.pass_time(min(self._polls, max(left, 0)))

    def _now(self) -> int:
        """Nanoseconds since power-on, by the core's clock as it was and is."""
        cycles = self._supervisor.now()
        self._ns += (cycles - self._cycles) * 1e9 / self._clocks.core_hz()
        self._cycles = cycles
        return round(self._ns)

    def _ns_at(self, cycle: float) -> int:
        now = self._now()
        return now - round((self._cycles - cycle) * 1e9 / self._clocks.core_hz())

    def _cycle_at(self, ns: int) -> float:
        return self._time + (ns - self._ns_at(self._time)) * self._clocks.core_hz() / 1e9

    def _clock_hz(self) -> float:
        divider = self._words[reg.CLKCR] & reg.CLKDIV
        return self._clocks.kernel_hz() / (2 * divider if divider else 1)

    def _width(self) -> int:
        return (1, 4, 8, 0)[self._words[reg.CLKCR] >> reg.WIDBUS & 3]

    def _span(self, clocks: int) -> float:
        """Core clock cycles of so many clocks on the bus."""
        return clocks * self._clocks.core_hz() / self._clock_hz()

    def _after(self, clocks: int) -> float:
        return self._time + self._span(clocks)

    def _reaches(self, address: int) -> bool:
        """Whether the DMA finds memory for a whole block at an address."""
        end = address + self._words[reg.DLEN]
        return any(
            _MASTER_NAME in memory.dma
            for memory in self._board.memories
            if memory.address <= address and end <= memory.end
        )
