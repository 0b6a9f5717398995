"""The link's SDIO end: tokens, blocks, and the card's registers and states."""

from __future__ import annotations

import pytest
from native_host import StandIn

from tinydeploy.npu.link import ANSWER, REQUEST, Command, LinkFrame, pack_frame, parse_frame
from tinydeploy.npu.link_device import BOOT_NS, TURN_NS, LinkDevice
from tinydeploy.npu.link_sdio import BLOCK, SDIO_PIECE, SdioCard
from tinydeploy.npu.sdio import (
    ACCEPTED,
    REFUSED,
    Sdio,
    crc7,
    open_block,
    pack_command,
    parse_command,
    seal_block,
)

HELLO = pack_frame(LinkFrame(Command.HELLO, 3), REQUEST).ljust(BLOCK, b"\0")
WRITE, READ = 1 << 31 | 1 << 28 | 1 << 27 | 1, 1 << 28 | 1 << 27 | 1
ERROR, ILLEGAL, BAD_CRC = 0x08, 0x40, 0x80


def ask(card: SdioCard, index: int, argument: int, now: int = 10**6) -> int | None:
    """The 32 bits of the response; None where there is none."""
    response = card.command(pack_command(index, argument), now)
    if response is None:
        return None
    if index != Sdio.IO_SEND_OP_COND:
        assert response[0] == index
        assert response[5] == crc7(response[:5]) << 1 | 1
    return int.from_bytes(response[1:5], "big")


def read(card: SdioCard, address: int) -> int:
    found = ask(card, 52, address << 9)
    assert found is not None
    assert found >> 8 == 0x10
    return found & 0xFF


def found_card() -> SdioCard:
    card = SdioCard(LinkDevice(StandIn(), SDIO_PIECE))
    for index, argument in ((5, 0xFF8000), (3, 0), (7, 1 << 16)):
        assert ask(card, index, argument) is not None
    return card


def ready_card() -> SdioCard:
    card = found_card()
    for address, value in ((2, 2), (7, 0x82), (0x13, 2), (0x110, 0), (0x111, 4)):
        assert ask(card, 52, 1 << 31 | address << 9 | value) == 0x1000 | value
    return card


def test_the_specification_s_examples() -> None:
    # SD Physical Layer Simplified Specification 3.01, section 4.5.
    assert crc7(bytes([0x40, 0, 0, 0, 0])) == 0b1001010  # CMD0
    assert crc7(bytes([0x51, 0, 0, 0, 0])) == 0b0101010  # CMD17
    assert crc7(bytes([0x11, 0, 0, 0x09, 0x00])) == 0b0110011  # its response
    # 512 bytes of 0xFF have 0x7FA1 on one line: here each line has as many ones of 2,048 bytes.
    crcs = seal_block(b"\xff" * 2048)[-8:]
    bits = [int(crcs.hex(), 16) >> at & 15 for at in range(60, -1, -4)]
    assert bits == [15 * (0x7FA1 >> at & 1) for at in range(15, -1, -1)]


@pytest.mark.parametrize("bit", [0, 7, 20, 47])
def test_a_spoilt_command_is_not_understood(bit: int) -> None:
    token = bytearray(pack_command(52, 0x12345678))
    assert parse_command(bytes(token)) == (52, 0x12345678)
    token[bit // 8] ^= 1 << bit % 8
    assert parse_command(bytes(token)) is None


@pytest.mark.parametrize("bit", [0, 4000, 8 * BLOCK - 1, 8 * BLOCK, 8 * BLOCK + 63])
def test_a_spoilt_block_is_refused(bit: int) -> None:
    card = ready_card()
    wire = bytearray(seal_block(HELLO))
    assert open_block(bytes(wire)) == HELLO
    wire[bit // 8] ^= 1 << bit % 8
    assert ask(card, 53, WRITE) == 0x2000
    assert card.take_block(bytes(wire), 2 * 10**6) == REFUSED
    # It was not executed: nothing is there to be read.
    assert ask(card, 53, READ) == 0x2000
    empty = card.give_block(3 * 10**6)
    assert empty is not None
    assert open_block(empty) == bytes(BLOCK)


def test_it_boots() -> None:
    card = SdioCard(LinkDevice(StandIn(), SDIO_PIECE))
    assert ask(card, 5, 0xFF8000, BOOT_NS - 1) == 0x10FF8000
    assert ask(card, 3, 0, BOOT_NS - 1) is None
    assert ask(card, 5, 0, BOOT_NS) == 0x90FF8000  # only asks
    assert ask(card, 3, 0, BOOT_NS) is None
    assert ask(card, 5, 0xFF8000, BOOT_NS) == 0x90FF8000
    assert ask(card, 3, 0, BOOT_NS) == 0x00010000 | ILLEGAL << 8
    assert ask(card, 52, 0) is None
    assert ask(card, 7, 2 << 16) is None  # another card
    assert ask(card, 7, 1 << 16) == ILLEGAL << 16


def test_registers() -> None:
    card = found_card()
    told = {0x00: 0x43, 0x01: 0x03, 0x08: 0x01, 0x13: 0x01, 0x0A: 0x10, 0x10A: 0x10, 0x1000: 0xFF}
    assert {address: read(card, address) for address in told} == told
    assert (read(card, 3), card.lines(), card.is_fast()) == (0, 1, False)
    card = ready_card()
    assert [read(card, address) for address in (2, 3, 7, 0x13, 0x110, 0x111)] == [
        2,
        2,
        0x82,
        3,
        0,
        4,
    ]
    assert (card.lines(), card.is_fast()) == (4, True)
    assert ask(card, 52, 1 << 31 | 1 << 27 | 2 << 9 | 0xFF) == 0x1002  # reads what it has written
    assert ask(card, 52, 2 << 28) == 0x1200  # no such function
    assert ask(card, 52, 0x1FFFF << 9) == 0x1100  # no such register
    assert ask(card, 52, 1 << 31 | 6 << 9 | 8) == 0x1008
    assert ask(card, 52, 0) is None  # it was reset


def test_an_answer_comes_when_it_is_there() -> None:
    card = ready_card()
    assert ask(card, 53, WRITE) == 0x2000
    assert card.take_block(seal_block(HELLO), 2 * 10**6) == ACCEPTED
    assert card.busy_until() == card.ready_at() == 2 * 10**6 + TURN_NS
    assert ask(card, 53, WRITE, 2 * 10**6) == 0x1000 | ERROR << 8  # DAT0 is low
    assert ask(card, 53, READ, 2 * 10**6) == 0x2000
    assert card.give_block(2 * 10**6) is None
    wire = card.give_block(2 * 10**6 + TURN_NS)
    assert wire is not None
    answer = parse_frame(open_block(wire) or b"", ANSWER)
    assert answer is not None
    assert answer.sequence == 3
    assert int.from_bytes(answer.payload[2:4], "little") == SDIO_PIECE
    assert card.give_block(3 * 10**6) is None  # once


@pytest.mark.parametrize(
    ("changes", "argument", "flag"),
    [
        ({2: 0}, WRITE, 0x08),  # the function is not enabled
        ({7: 0}, WRITE, 0x08),  # one line
        ({0x111: 2}, WRITE, 0x08),  # blocks of 512 bytes
        ({}, WRITE + 1, 0x08),  # two blocks
        ({}, WRITE & ~(1 << 27), 0x08),  # bytes
        ({}, WRITE | 1 << 26, 0x01),  # addresses that rise
        ({}, READ | 4 << 9, 0x01),
        ({}, READ & ~(7 << 28) | 3 << 28, 0x02),
    ],
)
def test_transfers_that_are_refused(changes: dict[int, int], argument: int, flag: int) -> None:
    card = ready_card()
    for address, value in changes.items():
        ask(card, 52, 1 << 31 | address << 9 | value)
    assert ask(card, 53, argument) == 0x1000 | flag << 8
    assert card.take_block(seal_block(HELLO), 2 * 10**6) is None
    assert card.give_block(2 * 10**6) is None


def test_an_abort() -> None:
    card = ready_card()
    ask(card, 53, READ)
    assert ask(card, 52, 1 << 31 | 6 << 9 | 1) == 0x1001
    assert card.give_block(2 * 10**6) is None


def test_a_bad_command_is_told_of_with_the_next_one() -> None:
    card = ready_card()
    assert card.command(b"\x75" + bytes(5), 10**6) is None
    assert ask(card, 52, 0) == 0x1043 | BAD_CRC << 8
    assert ask(card, 17, 0) is None
    assert ask(card, 52, 0) == 0x1043 | ILLEGAL << 8
    assert ask(card, 52, 0) == 0x1043
