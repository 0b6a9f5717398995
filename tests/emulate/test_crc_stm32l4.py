"""The emulated CRC unit: the sum that RM0432 defines, and the settings that are modelled."""

from __future__ import annotations

import random

import pytest

from tinydeploy.board import load_board
from tinydeploy.emulate.peripherals.crc_stm32l4 import CRC, CrcUnit
from tinydeploy.emulate.peripherals.family import Supervisor
from tinydeploy.emulate.peripherals.stm32l4 import Stm32L4

DR, CR, INIT, POL = (CRC + at for at in (0x00, 0x08, 0x10, 0x14))
BY_WORD = 0xE0
ENABLE = 0x40021048


class Bench:
    """The unit of a chip."""

    def __init__(self) -> None:
        self.broken = list[str]()
        self.chip = Stm32L4(load_board("stm32l4r9"), Supervisor(lambda: 0, self.broken.append))
        (unit,) = self.chip.units
        assert isinstance(unit, CrcUnit)
        self.unit = unit


def reverse(word: int) -> int:
    return sum((word >> bit & 1) << 31 - bit for bit in range(32))


def shift_in(register: int, word: int) -> int:
    """What the manual says the unit does: the word, reversed, bit by bit through the polynomial."""
    register ^= reverse(word)
    for _ in range(32):
        register = register << 1 & 0xFFFFFFFF ^ (0x04C11DB7 if register >> 31 else 0)
    return register


def test_it_divides_by_the_polynomial() -> None:
    bench = Bench()
    bench.chip.write(ENABLE, 1 << 12)
    generator = random.Random(3)
    for start in (None, 0, 0x12345678):
        if start is not None:
            bench.unit.write(INIT, start)
        bench.unit.write(CR, BY_WORD | 1)
        register = 0xFFFFFFFF if start is None else start
        assert bench.unit.read(DR) == reverse(register)
        for _ in range(5):
            word = generator.getrandbits(32)
            bench.unit.write(DR, word)
            register = shift_in(register, word)
            assert bench.unit.read(DR) == reverse(register)
    assert bench.unit.read(CR) == BY_WORD
    assert bench.broken == []


@pytest.mark.parametrize(
    ("writes", "text"),
    [
        ({ENABLE: 0, DR: 1}, "while its clock is off"),
        ({DR: 1}, "not modelled"),  # bits in their order, as after reset
        ({CR: 0xA1, DR: 1}, "not modelled"),  # reversed by bytes
        ({CR: 0xE1, POL: 0x1EDC6F41, DR: 1}, "not modelled"),
    ],
)
def test_broken_rules(writes: dict[int, int], text: str) -> None:
    bench = Bench()
    for address, value in ({ENABLE: 1 << 12} | writes).items():
        (bench.chip if address == ENABLE else bench.unit).write(address, value)
    assert any(text in rule for rule in bench.broken), bench.broken
    assert (bench.unit.read(DR) == 0) == (ENABLE in writes)
