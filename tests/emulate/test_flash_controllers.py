"""Flash controllers: keys, erasing, programming units, and what they refuse."""

from __future__ import annotations

import mmap
from dataclasses import dataclass

import pytest

from tinydeploy.board import load_board
from tinydeploy.emulate.peripherals.flash import KEYS, Cells, FlashController, open_flash

H7, L4 = "stm32h743", "stm32l4r9"


@dataclass
class Bench:
    """A controller, and the cells behind it."""

    flash: FlashController
    content: mmap.mmap

    def unlock(self, name: str, bank: int = 0) -> None:
        for key in KEYS:
            self.flash.write({H7: 0x04, L4: 0x08}[name] + 0x100 * bank, key)

    def put(self, offset: int, data: bytes) -> bool:
        """Writes by words, as a debug probe does."""
        words = (data[at : at + 4] for at in range(0, len(data), 4))
        return all(
            self.flash.program(0x08000000 + offset + 4 * n, word, by_core=False)
            for n, word in enumerate(words)
        )


def make(name: str, *, protected: bool = False) -> Bench:
    board = load_board(name)
    content = mmap.mmap(-1, board.code_memory.size)
    content[:] = b"\xff" * len(content)
    cells = Cells(board.code_memory, content, lambda: None)
    flash = open_flash(board, cells, protected=protected)
    assert flash is not None
    return Bench(flash, content)


# CR with PG, with sector/page 2 of bank 2 to be erased, SR, clearing SR.
H7_CR, H7_SR, H7_CCR = 0x0C, 0x10, 0x14
L4_CR, L4_SR = 0x14, 0x10


def test_h7_programs_words_of_256_bits() -> None:
    bench = make(H7)
    data = bytes(range(32))
    assert not bench.put(0, data[:4])  # locked
    assert bench.flash.read(H7_SR) & 1 << 18
    bench.unlock(H7)
    bench.flash.write(H7_CR, 2)
    assert bench.put(0, data[:28])
    assert bench.content[:32] == b"\xff" * 32  # nothing before the word is complete
    assert bench.flash.read(H7_SR) & 2  # WBNE
    assert bench.put(28, data[28:])
    assert bench.content[:32] == data
    assert bench.flash.read(H7_SR) & 2 == 0
    bench.put(0, bytes([0xF0] * 32))  # not erased: bits can only fall, and the check bits are wrong
    assert bench.content[:32] == bytes(byte & 0xF0 for byte in data)
    assert bench.flash.read(H7_SR) & 1 << 26
    bench.put(64, data[:4])
    bench.put(96, data[:4])  # leaves a word incomplete
    assert bench.flash.read(H7_SR) & 1 << 21
    bench.flash.write(H7_CCR, 0xFFFFFFFF)
    assert bench.flash.read(H7_SR) == 2


def test_h7_force_write_completes_a_word() -> None:
    bench = make(H7)
    bench.unlock(H7)
    bench.flash.write(H7_CR, 2)
    bench.put(32, b"abcd")
    bench.flash.write(H7_CR, 2 | 1 << 6)
    assert bench.content[32:64] == b"abcd" + b"\xff" * 28


def test_h7_erases_sectors_and_banks() -> None:
    bench = make(H7)
    bench.content[:] = bytes(len(bench.content))
    bench.flash.write(H7_CR + 0x100, 1 << 7 | 1 << 2 | 2 << 8)  # locked: ignored
    bench.unlock(H7, bank=1)
    begin = 0x100000 + 2 * 0x20000
    assert not any(bench.content[:])
    bench.flash.write(H7_CR + 0x100, 1 << 7 | 1 << 2 | 2 << 8)
    assert bench.content[begin : begin + 0x20000] == b"\xff" * 0x20000
    assert bench.content[begin - 1] == bench.content[begin + 0x20000] == 0
    bench.flash.write(H7_CR + 0x100, 1 << 7 | 1 << 3)
    assert bench.content[0x100000:] == b"\xff" * 0x100000
    assert not any(bench.content[:0x100000])


def test_l4_programs_double_words() -> None:
    bench = make(L4)
    assert not bench.put(0, b"abcd")
    assert bench.flash.read(L4_SR) == 1 << 7
    bench.flash.write(L4_SR, 0xFFFFFFFF)
    bench.unlock(L4)
    bench.flash.write(L4_CR, 1)
    assert bench.put(8, b"abcd")
    assert bench.content[8:12] == b"\xff" * 4
    assert bench.put(12, b"efgh")
    assert bench.content[8:16] == b"abcdefgh"
    assert bench.flash.read(L4_SR) == 0
    assert bench.put(8, bytes(8))  # zeros are always allowed
    assert bench.content[8:16] == bytes(8)
    assert bench.put(8, b"12345678")
    assert bench.flash.read(L4_SR) == 1 << 3  # PROGERR
    assert bench.content[8:16] == bytes(8)


@pytest.mark.parametrize(
    ("offset", "data", "error"), [(4, b"abcd", 1 << 5), (0, b"ab", 1 << 6)], ids=["PGA", "SIZ"]
)
def test_l4_refuses(offset: int, data: bytes, error: int) -> None:
    bench = make(L4)
    bench.unlock(L4)
    bench.flash.write(L4_CR, 1)
    bench.put(offset, data)
    assert bench.flash.read(L4_SR) == error
    assert bench.content[:16] == b"\xff" * 16
    bench.put(0, b"abcdefgh")  # not before the error is cleared
    assert bench.flash.read(L4_SR) & 1 << 7
    assert bench.content[:16] == b"\xff" * 16


def test_l4_erases_pages_and_banks() -> None:
    bench = make(L4)
    bench.content[:] = bytes(len(bench.content))
    bench.unlock(L4)
    bench.flash.write(L4_CR, 1 << 16 | 1 << 1 | 3 << 3 | 1 << 11)
    begin = 0x100000 + 3 * 0x1000
    assert bench.content[begin : begin + 0x1000] == b"\xff" * 0x1000
    assert bench.content[begin - 1] == bench.content[begin + 0x1000] == 0
    bench.flash.write(L4_CR, 1 << 16 | 1 << 2)
    assert bench.content[:0x100000] == b"\xff" * 0x100000
    assert bench.content[begin + 0x1000] == 0


@pytest.mark.parametrize("name", [H7, L4])
def test_a_wrong_key_locks_until_reset(name: str) -> None:
    bench = make(name)
    control, locked = {H7: (H7_CR, 1), L4: (L4_CR, 1 << 31)}[name]
    bench.flash.write({H7: 0x04, L4: 0x08}[name], 0x12345678)
    bench.unlock(name)
    assert bench.flash.read(control) & locked
    bench.flash.reset()
    bench.unlock(name)
    assert not bench.flash.read(control) & locked
    bench.flash.write(control, locked)
    assert bench.flash.read(control) & locked


@pytest.mark.parametrize("name", [H7, L4])
def test_protected_flash_stays_as_it_is(name: str) -> None:
    bench = make(name, protected=True)
    bench.content[:] = bytes(len(bench.content))
    bench.unlock(name)
    control, erase, program, status = {
        H7: (H7_CR, 1 << 7 | 1 << 3, 2, H7_SR),
        L4: (L4_CR, 1 << 16 | 1 << 2, 1, L4_SR),
    }[name]
    bench.flash.write(control, erase)
    bench.flash.write(control, program)
    bench.put(0, b"\xff" * 32)
    assert not any(bench.content[:])
    assert bench.flash.read(status) & {H7: 1 << 17, L4: 1 << 4}[name]
    options = {H7: 0x1C, L4: 0x20}[name]
    assert bench.flash.read(options) >> (8 if name == H7 else 0) & 0xFF != 0xAA


@pytest.mark.parametrize(("name", "sector"), [("stm32f412", 0x10000), ("stm32f746", 0x20000)])
def test_f4_and_f7(name: str, sector: int) -> None:
    """Sector 4 is the first that is larger than those before it; PSIZE says how much is written."""
    bench = make(name)
    assert not bench.put(0, b"abcd")
    assert bench.flash.read(0x0C) == 1 << 7
    bench.flash.write(0x0C, 0xFFFFFFFF)
    for key in KEYS:
        bench.flash.write(0x04, key)
    bench.flash.write(0x10, 1 | 2 << 8)
    assert bench.put(0, b"abcd")
    assert bench.content[:4] == b"abcd"
    assert bench.put(0, b"\xf0\xf0\xf0\xf0")  # bits can only fall
    assert bench.content[:4] == bytes(byte & 0xF0 for byte in b"abcd")
    bench.flash.program(0x08000010, b"ab", by_core=False)
    assert bench.flash.read(0x0C) == 1 << 6  # PGPERR: not PSIZE's width
    bench.flash.write(0x0C, 0xFFFFFFFF)
    bench.content[:] = bytes(len(bench.content))
    bench.flash.write(0x10, 1 << 16 | 1 << 1 | 4 << 3)
    assert bench.content[sector : 2 * sector] == b"\xff" * sector
    assert bench.content[sector - 1] == bench.content[2 * sector] == 0
    bench.flash.write(0x10, 1 << 16 | 1 << 2)
    assert bench.content[:] == b"\xff" * len(bench.content)
