"""STM32L4+'s SPI2 with DMA1 and DMAMUX1, and what is wired to it: as far as a master with DMA goes.

Registers: RM0432, chapters of SPI, DMA and DMAMUX. A transfer takes its bits at the SPI's clock.
What a chip would not report, a test of the board would not find: those are broken rules here.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Protocol

from tinydeploy.board import AcceleratorPort, Board, Pin
from tinydeploy.emulate.peripherals.family import Supervisor
from tinydeploy.emulate.peripherals.registers import Ports, Registers

SPI2, DMA1, DMAMUX1 = 0x40003800, 0x40020000, 0x40020800

_CR1, _CR2, _SR, _DR = 0x00, 0x04, 0x08, 0x0C
_MASTER = 1 << 2 | 3 << 8  # MSTR, SSI, SSM
_SPE, _MODE = 1 << 6, 3 | 1 << 7  # enable; CPHA, CPOL, LSBFIRST
_RXDMAEN, _TXDMAEN = 1 << 0, 1 << 1
_EIGHT_BITS = 7 << 8 | 1 << 12  # DS, FRXTH
_FRAME = 15 << 8 | 1 << 12
_TXE, _BSY = 1 << 1, 1 << 7

_ISR, _IFCR = 0x00, 0x04
_CCR, _CNDTR, _CPAR, _CMAR = 0x08, 0x0C, 0x10, 0x14
_CHANNEL = 0x14  # bytes between two channels
_RECEIVE, _SEND = 0, 1  # channels, from 0 on
_EN, _TCIE, _TEIE, _DIR, _MINC = 1 << 0, 1 << 1, 1 << 3, 1 << 4, 1 << 7
_UNMODELLED = 0x7FFF & ~(_EN | _TCIE | _TEIE | _DIR | _MINC)  # errors do not happen
_DONE, _TCIF = 3, 2  # GIF and TCIF of a channel, and the latter
_IRQ = 11  # of the first channel, the others' follow; position in RM0432's table of vectors
_REQUESTS = (12, 13)  # SPI2_RX, SPI2_TX
_MASTER_NAME = "dma1"
_POLLS = 64


class Device(Protocol):
    """What is wired to the SPI; see npu/link_device.py."""

    def reset(self, now: int) -> None:
        """RESET is released."""

    def is_ready(self, now: int) -> bool:
        """The level of READY."""

    def select(self, now: int) -> None:
        """NSS falls."""

    def shift(self, data: bytes) -> bytes:
        """Clocks bytes through."""

    def deselect(self, now: int) -> None:
        """NSS rises."""


class Memory(Protocol):
    """What the DMA reads and writes; see memories.py."""

    def read(self, address: int, size: int) -> bytes | None:
        """The bytes at an address."""

    def write(self, address: int, data: bytes) -> bool:
        """Writes RAM."""


@dataclass(frozen=True)
class Clocks:
    """What the SPI needs of the chip's clocks.

    Args:
        core_hz: Clock of the core.
        bus_hz: Clock of the SPI's bus.
        enabled: Whether the peripheral at an address has its clock.
    """

    core_hz: Callable[[], float]
    bus_hz: Callable[[], float]
    enabled: Callable[[int], bool]


@dataclass(frozen=True)
class _Transfer:
    """What the DMA moves: until `end` (core clock cycles) it is under way."""

    end: int
    source: int
    sent: bytes
    target: int
    received: bytes


class SpiPort:
    """The SPI, its DMA channels, and a device behind them.

    Args:
        board: Its memories, and the pins that the device is wired to.
        supervisor: For the time and reports.
        clocks: Of the chip.
        ports: The pins.
        memory: For the DMA.
        device: Lives on when the chip is reset; its time is in nanoseconds.
    """

    def __init__(
        self,
        board: Board,
        supervisor: Supervisor,
        clocks: Clocks,
        ports: Ports,
        memory: Memory,
        device: Device,
    ) -> None:
        if board.accelerator is None:
            raise ValueError("the board has no pins for an accelerator")
        self.windows = ((SPI2, 0x400), (DMA1, 0x400), (DMAMUX1, 0x400))
        self._pins: AcceleratorPort = board.accelerator
        self._board, self._supervisor, self._clocks = board, supervisor, clocks
        self._ports, self._memory, self._device = ports, memory, device
        self._blocks = {base: Registers(base) for base, _ in self.windows}
        self._spi, self._dma, self._mux = self._blocks.values()
        self._transfer: _Transfer | None = None
        self._cycles, self._ns = supervisor.now(), 0.0
        self._selected = self._held = False
        self._polls = 0  # looks, one after the other, at something that is not there yet
        ports.attach((self._pins.ready,), self._drive, self._follow_pins)

    def read(self, address: int) -> int:
        """Reads a register."""
        self._settle()
        block, offset = self._find(address)
        if not self._clocks.enabled(block.base):
            return 0
        if self._transfer:
            self._note_poll()
        if block is self._spi and offset == _SR:
            return _TXE | (_BSY if self._transfer else 0)
        if block is self._spi and offset == _DR:
            self._supervisor.violate("SPI2_DR is read by the core: only DMA is modelled")
        return block[offset]

    def write(self, address: int, value: int) -> None:
        """Writes a register; with the last enable the transfer begins."""
        self._polls = 0
        self._settle()
        block, offset = self._find(address)
        violate = self._supervisor.violate
        if not self._clocks.enabled(block.base):
            violate(f"the peripheral at {block.base:#010x} is written while its clock is off")
            return
        if self._transfer:
            violate(f"the register at {address:#010x} is written while the DMA moves bytes")
        if block is self._spi and offset == _DR:
            violate("SPI2_DR is written by the core: only DMA is modelled")
        if block is self._dma and offset == _IFCR:
            clear = sum(15 << 4 * n for n in range(7) if value >> 4 * n & 1) | value
            self._dma[_ISR] &= ~clear
            return
        if block is self._dma and offset == _ISR:
            return
        if block is self._spi and offset in (_CR1, _CR2) and self._spi[_CR1] & _SPE:
            kept = ~_SPE if offset == _CR1 else ~(_RXDMAEN | _TXDMAEN)
            if (value ^ block[offset]) & kept:
                violate("the SPI is configured while it is enabled (SPI2_CR1.SPE)")
        if block is self._dma and any(
            self._channel(n, _CCR) & _EN and offset - _CHANNEL * n in (_CNDTR, _CPAR, _CMAR)
            for n in (_RECEIVE, _SEND)
        ):
            violate("a DMA channel is configured while it is enabled")
        block[offset] = value
        self._begin()

    def interrupts(self) -> set[int]:
        """Interrupts that are asked for now."""
        self._settle()
        return {
            _IRQ + n
            for n in (_RECEIVE, _SEND)
            if self._channel(n, _CCR) & _TCIE and self._dma[_ISR] >> 4 * n & _TCIF
        }

    def alarm(self) -> int | None:
        """Core clock cycles since reset at which another interrupt is asked for; None: never."""
        if self._transfer is None:
            return None
        asks = any(self._channel(n, _CCR) & _TCIE for n in (_RECEIVE, _SEND))
        return self._transfer.end if asks else None

    def _begin(self) -> None:
        """Starts a transfer once the SPI, its requests and the channels are enabled."""
        cr1, cr2 = self._spi[_CR1], self._spi[_CR2]
        sends = cr1 & _SPE and cr2 & _TXDMAEN and self._channel(_SEND, _CCR) & _EN
        count = self._channel(_SEND, _CNDTR)
        if not sends or not count:
            return
        if problems := self._list_problems():
            self._supervisor.violate(problems[0])
            return
        source = self._channel(_SEND, _CMAR)
        step = 1 if self._channel(_SEND, _CCR) & _MINC else 0
        sent = self._memory.read(source, count if step else 1)
        target = self._channel(_RECEIVE, _CMAR)
        kept = count if self._channel(_RECEIVE, _CCR) & _MINC else 1
        if sent is None or self._memory.read(target, kept) is None:
            self._supervisor.violate(f"the DMA moves {count} bytes where there is no memory")
            return
        for address in (source, target):
            if not self._reaches(address):
                self._supervisor.violate(f"the DMA cannot reach {address:#010x}")
                return
        received = self._device.shift(sent if step else sent * count)
        cycles = 8 * count * self._clocks.core_hz() / self._spi_hz()
        end = self._supervisor.now() + round(cycles)
        self._transfer = _Transfer(end, source, sent, target, received[-kept:])
        self._supervisor.recheck()

    def _list_problems(self) -> list[str]:
        """Why a transfer would go wrong that is about to begin."""
        cr1, cr2 = self._spi[_CR1], self._spi[_CR2]
        configured = (self._channel(_RECEIVE, _CCR), self._channel(_SEND, _CCR))
        counts = [self._channel(n, _CNDTR) for n in (_RECEIVE, _SEND)]
        rules = (
            (cr1 & _MASTER == _MASTER, "SPI2 is no master with software select (MSTR, SSM, SSI)"),
            (not cr1 & _MODE, "SPI2 is not in mode 0, most significant bit first"),
            (cr2 & _FRAME == _EIGHT_BITS, "SPI2 is not set to 8 bits (CR2.DS, CR2.FRXTH)"),
            (cr2 & _RXDMAEN, "SPI2 sends by DMA and does not receive by DMA: it overruns"),
            (configured[_RECEIVE] & _EN, "the DMA channel that receives is not enabled"),
            (counts[0] == counts[1], f"the DMA sends {counts[1]} bytes and receives {counts[0]}"),
            (
                tuple(self._mux[4 * n] & 127 for n in (_RECEIVE, _SEND)) == _REQUESTS,
                "DMAMUX1 does not lead SPI2's requests to DMA1's channels 1 and 2",
            ),
            (
                all(self._channel(n, _CPAR) == SPI2 + _DR for n in (_RECEIVE, _SEND)),
                "a DMA channel's CPAR is not SPI2_DR",
            ),
            (
                configured[_SEND] & _DIR and not configured[_RECEIVE] & _DIR,
                "a DMA channel moves in the wrong direction (CCR.DIR)",
            ),
            (
                not (configured[_RECEIVE] | configured[_SEND]) & _UNMODELLED,
                "a DMA channel's CCR asks for what is not modelled: only bytes, once",
            ),
            (self._selected, "SPI2 sends while nothing is selected"),
        )
        pins = ((self._pins.sck, "SCK"), (self._pins.miso, "MISO"), (self._pins.mosi, "MOSI"))
        return [text for kept, text in rules if not kept] + [
            text for pin, role in pins for text in self._ports.pin_problems(pin, role, "SPI2")
        ]

    def _settle(self) -> None:
        """Ends the transfer whose time has come."""
        transfer = self._transfer
        if transfer is None or self._supervisor.now() < transfer.end:
            return
        self._transfer = None
        if self._memory.read(transfer.source, len(transfer.sent)) != transfer.sent:
            self._supervisor.violate("bytes are changed while the DMA sends them")
        self._memory.write(transfer.target, transfer.received)
        for n in (_RECEIVE, _SEND):
            self._dma[_CHANNEL * n + _CNDTR] = 0
            self._dma[_ISR] |= _DONE << 4 * n

    def _follow_pins(self) -> None:
        """A port was written: NSS or RESET may have changed."""
        self._polls = 0
        self._settle()
        selected = not self._ports.is_released(self._pins.select)
        held = not self._ports.is_released(self._pins.reset)
        if self._held and not held:
            self._device.reset(self._now())
        self._held = held
        if selected == self._selected:
            return
        self._selected = selected
        if selected:
            self._device.select(self._now())
            return
        if self._transfer:
            self._supervisor.violate("NSS rises while SPI2 sends")
        self._device.deselect(self._now())

    def _drive(self, pin: Pin) -> bool:
        ready = not self._held and self._device.is_ready(self._now())
        if not ready:
            self._note_poll()
        return ready

    def _note_poll(self) -> None:
        """The longer the firmware polls, the more time passes with each look: by a 64th of them.

        So what takes n cycles is seen within about sqrt(n / 32) cycles of its end.
        """
        self._polls += 1
        self._supervisor.pass_time(self._polls // _POLLS)

    def _now(self) -> int:
        """Nanoseconds since power-on, by the core's clock as it was and is."""
        cycles = self._supervisor.now()
        self._ns += (cycles - self._cycles) * 1e9 / self._clocks.core_hz()
        self._cycles = cycles
        return round(self._ns)

    def _spi_hz(self) -> float:
        return self._clocks.bus_hz() / (2 << (self._spi[_CR1] >> 3 & 7))

    def _channel(self, number: int, offset: int) -> int:
        return self._dma[_CHANNEL * number + offset]

    def _reaches(self, address: int) -> bool:
        return any(
            _MASTER_NAME in memory.dma
            for memory in self._board.memories
            if memory.address <= address < memory.end
        )

    def _find(self, address: int) -> tuple[Registers, int]:
        block = self._blocks[address & ~0x3FF]
        return block, address - block.base
