"""The emulated SPI with DMA: what a right set-up moves, when, and what a wrong one breaks."""

from __future__ import annotations

from dataclasses import dataclass, field

import pytest

from tinydeploy.board import load_board
from tinydeploy.emulate.peripherals.family import Supervisor
from tinydeploy.emulate.peripherals.stm32l4 import Stm32L4

RAM, COUNT = 0x20001000, 16
RCC_AHB1, RCC_AHB2, RCC_APB1 = 0x40021048, 0x4002104C, 0x40021058
PORT_B, PORT_H, PORT_I = 0x48000400, 0x48001C00, 0x48002000
CR1, CR2, SR, DR = (0x40003800 + at for at in (0, 4, 8, 12))
ISR, IFCR, CCR1, CNDTR1, CPAR1, CMAR1, CCR2, CNDTR2, CPAR2, CMAR2 = (
    0x40020000 + at for at in (0, 4, 8, 0xC, 0x10, 0x14, 0x1C, 0x20, 0x24, 0x28)
)
C0CR, C1CR = 0x40020800, 0x40020804
ON = 1 << 6

# The writes of firmware/npu/stm32l4/spi/npu_port.c, in order.
SETUP = {
    RCC_AHB2: 0b1_1000_0010,
    RCC_AHB1: 0b101,
    RCC_APB1: 1 << 14,
    PORT_B + 0x24: 0x55500000,
    PORT_B + 0x00: 0xABFFFFFF,
    PORT_I + 0x14: 1,
    PORT_I + 0x00: 0xFFFFFFFD,
    PORT_H + 0x14: 1 << 15,
    PORT_H + 0x00: 0x73FFFFFF,
    CR1: 0x304,
    CR2: 0x1703,
    C0CR: 12,
    C1CR: 13,
    CPAR1: DR,
    CPAR2: DR,
    CNDTR1: COUNT,
    CNDTR2: COUNT,
    CMAR1: RAM + 0x100,
    CMAR2: RAM,
    CCR1: 0x81,
    CCR2: 0x91,
}


@dataclass
class Loopback:
    """A device that answers with what it is sent, inverted; and a RAM."""

    ready: bool = True
    log: list[str] = field(default_factory=list)
    ram: bytearray = field(default_factory=lambda: bytearray(range(256)) * 4)

    def reset(self, now: int) -> None:
        self.log.append("reset")

    def is_ready(self, now: int) -> bool:
        return self.ready

    def select(self, now: int) -> None:
        self.log.append("select")

    def shift(self, data: bytes) -> bytes:
        return bytes(255 - byte for byte in data)

    def deselect(self, now: int) -> None:
        self.log.append("deselect")

    def read(self, address: int, size: int) -> bytes | None:
        at = address - RAM
        return bytes(self.ram[at : at + size]) if 0 <= at <= len(self.ram) - size else None

    def write(self, address: int, data: bytes) -> bool:
        self.ram[address - RAM : address - RAM + len(data)] = data
        return True


class Bench:
    """The chip's registers with the device behind them."""

    def __init__(self) -> None:
        self.now, self.broken = 0, list[str]()
        self.device = Loopback()
        self.rechecked = 0
        supervisor = Supervisor(lambda: self.now, self.broken.append, recheck=self.recheck)
        self.chip = Stm32L4(load_board("stm32l4r9"), supervisor)
        self.port = self.chip.open_spi(self.device, self.device)

    def recheck(self) -> None:
        self.rechecked += 1

    def write(self, address: int, value: int) -> None:
        owned = any(base <= address < base + size for base, size in self.port.windows)
        (self.port if owned else self.chip).write(address, value)

    def transfer(self, changes: dict[int, int] | None = None, last: int = 0x304 | ON) -> None:
        """Sets everything up, with changes, and starts."""
        for address, value in (SETUP | (changes or {})).items():
            self.write(address, value)
        self.write(PORT_I + 0x18, 1 << 16)  # NSS falls
        self.write(CR1, last)


def test_a_transfer_takes_its_time() -> None:
    bench = Bench()
    bench.transfer()
    assert (bench.broken, bench.device.log) == ([], ["select"])
    # MSI at 4 MHz, divided by 2: two cycles a bit.
    bench.now += 2 * 8 * COUNT - 1
    assert (bench.port.read(ISR), bench.port.read(SR) >> 7 & 1) == (0, 1)
    before = bytes(bench.device.ram[0x100 : 0x100 + COUNT])
    bench.now += 1
    assert (bench.port.read(ISR), bench.port.read(SR) >> 7 & 1) == (0x33, 0)
    received = bytes(bench.device.ram[0x100 : 0x100 + COUNT])
    assert received == bytes(255 - n for n in range(COUNT)) != before
    bench.write(IFCR, 0x11)
    assert bench.port.read(ISR) == 0
    bench.write(PORT_I + 0x18, 1)
    assert (bench.broken, bench.device.log) == ([], ["select", "deselect"])


def test_the_last_byte_stays_where_all_are_received_at_one_address() -> None:
    bench = Bench()
    bench.transfer({CCR1: 0x01})
    bench.now += 2 * 8 * COUNT
    assert bench.port.read(ISR) == 0x33
    assert bench.device.ram[0x100:0x103] == bytes((256 - COUNT, 1, 2))
    assert bench.broken == []


def test_the_end_of_a_channel_interrupts() -> None:
    bench = Bench()
    bench.transfer()
    assert (bench.port.alarm(), bench.rechecked) == (None, 1)  # nothing asks
    for bit in (1 << 1, 1 << 3):  # at the end, and in an error, which does not happen
        bench = Bench()
        bench.transfer({CCR1: 0x81 | bit})
        end = 2 * 8 * COUNT
        assert (bench.port.alarm(), bench.port.interrupts()) == (end if bit == 2 else None, set())
        bench.now = end
        assert bench.port.interrupts() == ({11} if bit == 2 else set())
        assert bench.port.alarm() is None
        bench.write(IFCR, 1)
        assert (bench.port.interrupts(), bench.broken) == (set(), [])


def test_ready_and_reset_lines() -> None:
    bench = Bench()
    bench.transfer(last=0x304)
    assert bench.chip.read(PORT_H + 0x10) >> 13 & 1
    bench.device.ready = False
    assert not bench.chip.read(PORT_H + 0x10) >> 13 & 1
    bench.device.ready = True
    bench.write(PORT_H + 0x18, 1 << 31)
    assert not bench.chip.read(PORT_H + 0x10) >> 13 & 1  # held in reset
    bench.write(PORT_H + 0x18, 1 << 15)
    assert bench.device.log == ["select", "reset"]


@pytest.mark.parametrize(
    ("changes", "text"),
    [
        ({RCC_APB1: 0}, "0x40003800 is written while its clock is off"),
        ({RCC_AHB1: 1}, "0x40020800 is written while its clock is off"),
        ({CR1: 0x300}, "no master"),
        ({CR1: 0x306}, "not in mode 0"),
        ({CR2: 0x0F03}, "not set to 8 bits"),
        ({CR2: 0x1702}, "does not receive by DMA"),
        ({CCR1: 0x80}, "receives is not enabled"),
        ({CNDTR1: 5}, "sends 16 bytes and receives 5"),
        ({C0CR: 13}, "DMAMUX1 does not lead"),
        ({CPAR2: SR}, "CPAR is not SPI2_DR"),
        ({CCR1: 0x91}, "wrong direction"),
        ({CCR2: 0x95}, "not modelled"),
        ({CMAR2: 0x1000}, "no memory"),
        ({PORT_B + 0x24: 0x50500000}, "alternate function"),
        ({PORT_B + 0x00: 0xFFFFFFFF}, "alternate-function mode"),
        ({PORT_I + 0x00: 0xFFFFFFFF}, "nothing is selected"),
    ],
)
def test_broken_rules(changes: dict[int, int], text: str) -> None:
    bench = Bench()
    bench.transfer(changes, changes.get(CR1, 0x304) | ON)
    assert any(text in rule for rule in bench.broken), bench.broken


def test_rules_of_a_transfer_under_way() -> None:
    for act, text in (
        (lambda bench: bench.write(PORT_I + 0x18, 1), "NSS rises while SPI2 sends"),
        (lambda bench: bench.write(CNDTR1, 3), "while the DMA moves bytes"),
        (lambda bench: bench.device.write(RAM, b"x"), "changed while the DMA sends them"),
        (lambda bench: bench.port.read(DR), "only DMA is modelled"),
    ):
        bench = Bench()
        bench.transfer()
        act(bench)
        bench.now += 10_000
        bench.port.read(ISR)
        assert any(text in rule for rule in bench.broken), (text, bench.broken)
