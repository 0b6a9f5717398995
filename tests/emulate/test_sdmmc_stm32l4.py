"""The emulated SDMMC with its DMA: what a right driver does, and what a wrong one breaks."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field

import pytest

from tinydeploy.board import load_board
from tinydeploy.emulate.peripherals.family import Supervisor
from tinydeploy.emulate.peripherals.stm32l4 import Stm32L4
from tinydeploy.npu.device import Frame
from tinydeploy.npu.link import (
    ANSWER,
    ANSWERED,
    REQUEST,
    Command,
    LinkFrame,
    pack_frame,
    parse_frame,
)
from tinydeploy.npu.link_device import BOOT_NS, TURN_NS, LinkDevice
from tinydeploy.npu.link_faults import LinkFaults
from tinydeploy.npu.link_sdio import BLOCK, SDIO_PIECE, SdioCard
from tinydeploy.npu.link_sdio_faults import FaultyCard

RAM = 0x20001000
RCC_AHB2, CRRCR = 0x4002104C, 0x40021098
PORT_C, PORT_D, PORT_H = 0x48000800, 0x48000C00, 0x48001C00
BASE = 0x50062400
POWER, CLKCR, ARG, CMD, RESPCMD, RESP1 = (BASE + at for at in (0, 4, 8, 12, 16, 20))
DTIMER, DLEN, DCTRL, STA, ICR, MASK = (BASE + at for at in (0x24, 0x28, 0x2C, 0x34, 0x38, 0x3C))
IDMACTRL, IDMABASE, FIFO = BASE + 0x50, BASE + 0x58, BASE + 0x80

TRANS, STOP, CHECKED, UNCHECKED, ON = 1 << 6, 1 << 7, 1 << 8, 2 << 8, 1 << 12
CCRCFAIL, DCRCFAIL, CTIMEOUT, DTIMEOUT, CMDREND, DATAEND, DABORT = (
    1 << bit for bit in (0, 1, 2, 3, 6, 8, 11)
)
WRITE, READ = 1 << 31 | 1 << 28 | 1 << 27 | 1, 1 << 28 | 1 << 27 | 1
SLOW, FAST = 60, 1 << 14  # CLKCR: 400 kHz on one line; 48 MHz on four
CORE_HZ = 4_000_000  # MSI

PINS = {
    RCC_AHB2: 1 << 2 | 1 << 3 | 1 << 7 | 1 << 22,
    CRRCR: 1,
    PORT_C + 0x00: 0xFEAAFFFF,  # alternate function of 8 to 12
    PORT_C + 0x0C: 0x00550000,  # pull-ups of 8 to 11
    PORT_C + 0x24: 0x000CCCCC,
    PORT_D + 0x00: 0xFFFFFFEF,
    PORT_D + 0x0C: 1 << 4,
    PORT_D + 0x20: 0xC00,
    PORT_H + 0x14: 1 << 15,
    PORT_H + 0x00: 0x7FFFFFFF,
}


class Echo:
    """An accelerator that is not asked."""

    def load(self, program: bytes) -> None:
        raise NotImplementedError

    def run(self, image: bytes) -> Frame:
        raise NotImplementedError


@dataclass
class Ram:
    """2 KB."""

    content: bytearray = field(default_factory=lambda: bytearray(2 * BLOCK))

    def read(self, address: int, size: int) -> bytes | None:
        at = address - RAM
        return bytes(self.content[at : at + size]) if 0 <= at <= len(self.content) - size else None

    def write(self, address: int, data: bytes) -> bool:
        self.content[address - RAM : address - RAM + len(data)] = data
        return True


class Bench:
    """The chip's registers with a card behind them, and a driver."""

    def __init__(self, faults: LinkFaults | None = None) -> None:
        self.now, self.broken, self.ram = 0, list[str](), Ram()
        card = SdioCard(LinkDevice(Echo(), SDIO_PIECE))
        supervisor = Supervisor(lambda: self.now, self.broken.append)
        self.chip = Stm32L4(load_board("stm32l4r9"), supervisor)
        self.port = self.chip.open_sdio(FaultyCard(card, faults) if faults else card, self.ram)

    def write(self, address: int, value: int) -> None:
        (self.port if address >> 10 == BASE >> 10 else self.chip).write(address, value)

    def connect(self, changes: dict[int, int] | None = None) -> None:
        """Pins and clocks; the card has booted."""
        for address, value in (PINS | (changes or {})).items():
            self.write(address, value)
        self.now += 500
        self.write(CLKCR, SLOW)
        self.write(POWER, 3)
        self.now += 2000

    def wait(self, flags: int) -> int:
        """Lets time pass until one of the flags is there; clears all of them."""
        while not (found := self.port.read(STA)) & flags:
            at = self.port.alarm()
            assert at is not None, hex(found)
            self.now = max(at, self.now + 1)
        self.write(ICR, 0x1FE00FFF)
        return found

    def ask(self, index: int, argument: int, flags: int = CHECKED) -> int:
        """Sends a command; its flags."""
        self.write(ARG, argument)
        self.write(CMD, index | flags | ON)
        return self.wait(CCRCFAIL | CTIMEOUT | CMDREND)

    def set_register(self, address: int, value: int) -> None:
        assert self.ask(52, 1 << 31 | address << 9 | value) & CMDREND

    def find(self) -> None:
        """Initializes the card: four lines, high speed, blocks of 1,024 bytes."""
        assert self.ask(5, 0xFF8000, UNCHECKED) & CMDREND
        assert self.port.read(RESP1) == 0x90FF8000
        assert self.ask(3, 0) & CMDREND
        assert self.port.read(RESP1) >> 16 == 1
        assert self.ask(7, 1 << 16) & CMDREND
        for address, value in ((2, 2), (7, 0x82), (0x13, 2), (0x110, 0), (0x111, 4)):
            self.set_register(address, value)
        self.write(CLKCR, FAST)

    def prepare(self, argument: int) -> None:
        """The data path for a block at the RAM's beginning, or behind it where it is read."""
        self.write(DTIMER, 48_000)
        self.write(DLEN, BLOCK)
        self.write(DCTRL, 10 << 4 | (0 if argument >> 31 else 2))
        self.write(IDMABASE, RAM if argument >> 31 else RAM + BLOCK)
        self.write(IDMACTRL, 1)

    def move(self, argument: int) -> int:
        """Moves a block; its flags."""
        self.prepare(argument)
        flags = self.ask(53, argument, CHECKED | TRANS)
        return flags | self.wait(DATAEND | DCRCFAIL | DTIMEOUT) if flags & CMDREND else flags


def test_a_request_and_its_answer() -> None:
    bench = Bench()
    bench.connect()
    bench.find()
    bench.ram.content[:24] = pack_frame(LinkFrame(Command.HELLO, 7), REQUEST)
    bench.now += 100  # the last command was slow, and so is the pause behind it
    before = bench.now
    assert bench.move(WRITE) & DATAEND
    # Command, 8 clocks, response, 2 clocks; then the block of 2 clocks a byte with 18 more, and a
    # CRC status; then the microsecond until the card is ready.
    clocks = 48 + 8 + 48 + 2 + 2 * BLOCK + 18 + 2 + 5
    cycles = (clocks / 48e6) * CORE_HZ
    status_ns = 7 / 48e6 * 1e9
    assert bench.now - before == pytest.approx(
        cycles + (TURN_NS - status_ns) * CORE_HZ / 1e9, abs=2
    )
    assert bench.move(READ) & DATAEND
    answer = parse_frame(bytes(bench.ram.content[BLOCK:]), ANSWER)
    assert answer is not None
    assert (answer.command, answer.sequence, answer.payload[2:4]) == (
        Command.HELLO | ANSWERED,
        7,
        SDIO_PIECE.to_bytes(2, "little"),
    )
    assert bench.broken == []


def test_what_sta_shows() -> None:
    bench = Bench()
    bench.connect()
    bench.write(CMD, 5 | UNCHECKED | ON)
    assert bench.port.read(STA) == 0  # it does not know yet
    bench.now += 3 * CORE_HZ // 400_000
    assert bench.port.read(STA) == 1 << 13
    bench.wait(CMDREND)
    assert bench.port.read(STA) == 0


def test_the_interrupt_comes_when_it_is_unmasked() -> None:
    bench = Bench()
    bench.connect()
    bench.find()
    bench.prepare(WRITE)
    bench.write(ARG, WRITE)
    bench.write(CMD, 53 | CHECKED | TRANS | ON)
    while (at := bench.port.alarm()) is not None:
        bench.now = at
        assert not bench.port.interrupts()
    bench.write(MASK, DATAEND)
    assert bench.port.interrupts() == {49}
    bench.write(ICR, DATAEND)
    assert not bench.port.interrupts()


def test_the_card_boots() -> None:
    bench = Bench()
    bench.connect()
    bench.write(PORT_H + 0x18, 1 << 31)
    assert bench.ask(5, 0xFF8000, UNCHECKED) & CTIMEOUT  # held in reset
    bench.write(PORT_H + 0x18, 1 << 15)
    bench.find()  # it boots within the first command at 400 kHz
    # Of the line's and of register 6's reset nothing is left but the card itself.
    bench.set_register(6, 8)
    bench.now += BOOT_NS * CORE_HZ // 10**9
    assert bench.ask(52, 2 << 9) & CTIMEOUT
    bench.write(CLKCR, SLOW)
    bench.find()
    assert bench.broken == []


@pytest.mark.parametrize(
    ("faults", "flags"),
    [
        (LinkFaults(bit_errors=0.3), CTIMEOUT | CCRCFAIL),
        (LinkFaults(bit_errors=2e-3, seed=3), DCRCFAIL),
        (LinkFaults(hangs=1.0), DTIMEOUT),
        (LinkFaults(brown_outs=1.0), DTIMEOUT),
    ],
)
def test_faults_are_told_and_mended(faults: LinkFaults, flags: int) -> None:
    bench = Bench(faults)
    bench.connect()
    card = bench.port._card
    bench.port._card = card._card  # found over good wires
    bench.find()
    bench.port._card = card
    found = 0
    for _ in range(20):
        found |= bench.move(WRITE)
        if found & flags:
            break
    assert found & flags
    # What still waits is stopped, with the card's part of it: register 6.
    bench.ask(52, 1 << 31 | 6 << 9 | 1, CHECKED | STOP)
    bench.port._card = card._card
    bench.write(CLKCR, SLOW)
    card.reset(0)
    bench.now += BOOT_NS * CORE_HZ // 10**9
    bench.find()
    assert bench.move(WRITE) & DATAEND
    assert bench.broken == []


def _start(bench: Bench, changes: dict[int, int], argument: int = WRITE) -> None:
    """A transfer, with changes."""
    bench.prepare(argument)
    for address, value in changes.items():
        bench.write(address, value)
    bench.write(ARG, argument)
    bench.write(CMD, changes.get(CMD, 53 | CHECKED | TRANS | ON))


@pytest.mark.parametrize(
    ("changes", "text"),
    [
        ({DCTRL: 10 << 4 | 2}, "not the direction"),
        ({DCTRL: 9 << 4}, "DLEN must be DCTRL's block"),
        ({DCTRL: 10 << 4 | 1}, "not modelled"),
        ({IDMACTRL: 0}, "DMA is off"),
        ({IDMACTRL: 3}, "single DMA buffer"),
        ({IDMABASE: RAM + 2}, "takes words"),
        ({IDMABASE: 0x08000000}, "cannot reach"),
        ({DTIMER: 0}, "times out"),
        ({CMD: 53 | CHECKED | ON}, "CMDTRANS belongs"),
        ({FIFO: 1}, "only its DMA is modelled"),
        ({CLKCR: 0}, "on 1 lines, the card is set to 4"),
        ({CLKCR: 1 << 14 | 1 << 18}, "not modelled"),
        ({RCC_AHB2: 0b1100}, "while its clock is off"),
        ({CRRCR: 0}, "has no clock"),
        ({PORT_C + 0x24: 0x000CCCC0}, "alternate function 0 instead of 12"),
        ({PORT_C + 0x0C: 0}, "has no pull-up"),
        ({PORT_D + 0x00: 0xFFFFFFFF}, "alternate-function mode"),
    ],
)
def test_broken_rules(changes: dict[int, int], text: str) -> None:
    bench = Bench()
    bench.connect()
    bench.find()
    _start(bench, changes)
    bench.now += 1000
    bench.port.read(STA)
    assert any(text in rule for rule in bench.broken), bench.broken


@pytest.mark.parametrize(
    ("act", "text"),
    [
        (lambda bench: bench.write(CMD, 52 | CHECKED | ON), "while CPSMACT is 1"),
        (lambda bench: bench.write(CLKCR, SLOW), "while CPSMACT is 1"),
        (lambda bench: bench.port.read(FIFO), "FIFO is read"),
    ],
)
def test_rules_of_a_command_under_way(act: Callable[[Bench], None], text: str) -> None:
    bench = Bench()
    bench.connect()
    bench.find()
    _start(bench, {})
    act(bench)
    assert any(text in rule for rule in bench.broken), bench.broken


def test_rules_of_a_block_under_way() -> None:
    def change(bench: Bench) -> None:
        bench.ram.content[5] ^= 1

    acts: tuple[tuple[Callable[[Bench], object], str], ...] = (
        (lambda bench: bench.write(DLEN, 4), "while DPSMACT is 1"),
        (lambda bench: bench.write(CMD, 53 | CHECKED | TRANS | ON), "while DPSMACT is 1"),
        (change, "changed while"),
    )
    for act, text in acts:
        bench = Bench()
        bench.connect()
        bench.find()
        _start(bench, {})
        bench.wait(CMDREND)
        act(bench)
        bench.now += 1000
        bench.port.read(STA)
        assert any(text in rule for rule in bench.broken), (text, bench.broken)


def test_rules_of_the_beginning() -> None:
    bench = Bench()
    for address, value in PINS.items():
        bench.write(address, value)
    bench.now += 500
    bench.write(CLKCR, SLOW)
    bench.write(CMD, 5 | UNCHECKED | ON)
    assert "before its power is on" in bench.broken.pop()
    bench.write(POWER, 3)
    bench.write(CMD, 5 | UNCHECKED | ON)
    assert "within 74 clocks" in bench.broken.pop()
    bench.now += 2000
    bench.write(CLKCR, FAST)
    bench.write(CMD, 5 | UNCHECKED | ON)
    assert "at 400 kHz at most" in bench.broken.pop()
    bench.write(CLKCR, SLOW)
    bench.ask(5, 0xFF8000, UNCHECKED)
    bench.ask(3, 0)
    bench.write(CLKCR, FAST)
    bench.ask(7, 1 << 16)
    assert "not set to more than 25" in bench.broken.pop()
