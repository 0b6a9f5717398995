"""The SD bus as both of its ends see it: tokens of 48 bits, blocks on four lines, and their CRCs.

SD Physical Layer Simplified Specification 3.01, chapter 4, and SDIO Simplified Specification 3.00.
"""

from __future__ import annotations

import binascii
import enum

import numpy as np

TOKEN_BYTES = 6  # of a command or a response: start, direction, index, argument, CRC7, end
LINES = 4
BLOCK_CRC_BYTES = 2 * LINES  # behind a block: 16 bits on each line

# Clocks between two things on the bus.
RESPONSE_GAP = 8  # from a command's end to its response; N_CR allows 2 to 64
COMMAND_GAP = 8  # from a response's end to the next command, N_RC and N_CC
WRITE_GAP = 2  # from a response's end to the written block, N_WR
READ_GAP = 8  # from where the card has the data to their start bit
STATUS_GAP = 2  # from a written block's end to the CRC status
STATUS_CLOCKS = 5  # of the CRC status: start, three bits, end
TOKEN_CLOCKS = 8 * TOKEN_BYTES

ACCEPTED, REFUSED = 0b010, 0b101  # the CRC status of a written block

_HOST = 0x40  # the direction bit of a command
_END = 0x01


class Sdio(enum.IntEnum):
    """Commands of a card that is SDIO alone."""

    SEND_RELATIVE_ADDR = 3
    IO_SEND_OP_COND = 5
    SELECT_CARD = 7
    IO_RW_DIRECT = 52
    IO_RW_EXTENDED = 53


def crc7(data: bytes) -> int:
    """The CRC of a token's first five bytes: x^7 + x^3 + 1, from 0."""
    crc = 0
    for byte in data:
        for bit in range(7, -1, -1):
            carry = crc >> 6 ^ byte >> bit & 1
            crc = crc << 1 & 0x7F ^ (0x09 if carry else 0)
    return crc


def pack_command(index: int, argument: int) -> bytes:
    """A command as it goes over CMD.

    Args:
        index: 0 to 63.
        argument: 32 bits.
    """
    token = bytes([_HOST | index]) + argument.to_bytes(4, "big")
    return token + bytes([crc7(token) << 1 | _END])


def pack_response(index: int, argument: int) -> bytes:
    """A response with a CRC: R1, R5 or R6."""
    token = bytes([index]) + argument.to_bytes(4, "big")
    return token + bytes([crc7(token) << 1 | _END])


def pack_plain_response(argument: int) -> bytes:
    """A response without index and CRC, all ones there: R4."""
    return b"\x3f" + argument.to_bytes(4, "big") + b"\xff"


def parse_command(token: bytes) -> tuple[int, int] | None:
    """Index and argument of a command; None where its CRC or a fixed bit is wrong."""
    fits = token[0] >> 6 == 1 and token[5] == crc7(token[:5]) << 1 | _END
    return (token[0] & 0x3F, int.from_bytes(token[1:5], "big")) if fits else None


def seal_block(data: bytes) -> bytes:
    """A block as it goes over the lines: two clocks a byte, then 16 clocks of CRC.

    Args:
        data: An even number of bytes; in the first clock DAT3 has the first one's highest bit.
    """
    lines = np.unpackbits(np.frombuffer(data, np.uint8)).reshape(-1, LINES)
    crcs = [binascii.crc_hqx(np.packbits(lines[:, n]).tobytes(), 0) for n in range(LINES)]
    bits = np.unpackbits(np.array(crcs, ">u2").view(np.uint8)).reshape(LINES, 16)
    return data + np.packbits(bits.T).tobytes()


def open_block(wire: bytes) -> bytes | None:
    """The data of a block; None where a line's CRC is wrong."""
    data = wire[:-BLOCK_CRC_BYTES]
    return data if seal_block(data) == wire else None


def block_clocks(size: int, lines: int = LINES) -> int:
    """Clocks of a block with its start bit, CRC and end bit."""
    return 1 + 8 * size // lines + 16 + 1
