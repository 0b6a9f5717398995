"""The link's frames, as both of its ends make and read them; docs/tinynpu.md, "The link"."""

from __future__ import annotations

import enum
import struct
import zlib
from dataclasses import dataclass

PROTOCOL_VERSION = 1
REQUEST, ANSWER = 0x5A, 0xA5  # the first byte of a frame, by its direction
ANSWERED = 0x80  # an answer's command is the request's with this bit
CHUNK = 1024  # bytes of payload at most, and of a piece of a program or image over SPI
MISSING_BYTES = 32  # at most, of the list that says which pieces are missing
IDENTITY = slice(8, 12)  # where a program file has its CRC-32, which tells it from any other

_HEADER = struct.Struct("<BBHBBHIII")
_CRC = struct.Struct("<I")
CRC_BYTES = _CRC.size
HEADER_BYTES = _HEADER.size + CRC_BYTES
FRAME_BYTES = HEADER_BYTES + CHUNK + CRC_BYTES


class Command(enum.IntEnum):
    """What a request asks for."""

    HELLO = 1
    PROGRAM = 2
    LOAD = 3
    IMAGE = 4
    START = 5
    RESULT = 6


class Status(enum.IntEnum):
    """What became of a request."""

    OK = 0
    DAMAGED = 1  # its CRC is wrong; sequence and command of the answer say nothing
    UNKNOWN_COMMAND = 2
    BAD_RANGE = 3  # lengths and offsets that do not go together
    NO_PROGRAM = 4
    WRONG_PROGRAM = 5  # another one is loaded than the request was made for
    INCOMPLETE = 6  # a piece is missing; the answer's value is where it begins
    BUSY = 7  # the slot holds a frame under way, or a frame that was started
    BAD_PROGRAM = 8  # damaged, of another version, or too large
    NO_FRAME = 9  # this frame was not started, or is forgotten
    TRAP = 10  # the program did what the machine forbids


@dataclass(frozen=True)
class LinkFrame:
    """A request or an answer.

    Args:
        command: A Command; in answers with ANSWERED.
        sequence: 0 to 65535; an answer has its request's.
        status: A Status; 0 in requests.
        state: Bit 0: a program is loaded; bit 1: a frame is computed. 0 in requests.
        frame: Number of the image that it is about.
        value: By command: an offset or a number of bytes.
        identity: Of the loaded program, in requests of the expected one; 0 for none.
        payload: Up to CHUNK bytes.
    """

    command: int
    sequence: int
    status: int = 0
    state: int = 0
    frame: int = 0
    value: int = 0
    identity: int = 0
    payload: bytes = b""


def pack_frame(frame: LinkFrame, sync: int) -> bytes:
    """A frame as it goes over the wire.

    Args:
        frame: What it says.
        sync: REQUEST or ANSWER.
    """
    header = _HEADER.pack(
        sync,
        frame.command,
        frame.sequence,
        frame.status,
        frame.state,
        len(frame.payload),
        frame.frame,
        frame.value,
        frame.identity,
    )
    crc = zlib.crc32(header)
    packed = header + _CRC.pack(crc)
    if frame.payload:
        packed += frame.payload + _CRC.pack(zlib.crc32(frame.payload, crc))
    return packed


def parse_frame(data: bytes, sync: int) -> LinkFrame | None:
    """What a frame says; None where a CRC is wrong, or bytes are missing.

    Args:
        data: All bytes of a transaction, the frame first; what follows it is ignored.
        sync: REQUEST or ANSWER.
    """
    if len(data) < HEADER_BYTES:
        return None
    first, command, sequence, status, state, length, frame, value, identity = _HEADER.unpack_from(
        data
    )
    crc = zlib.crc32(data[: _HEADER.size])
    if first != sync or _CRC.unpack_from(data, _HEADER.size)[0] != crc or length > CHUNK:
        return None
    end = HEADER_BYTES + length
    payload = data[HEADER_BYTES:end]
    if length:
        if len(data) < end + _CRC.size:
            return None
        if _CRC.unpack_from(data, end)[0] != zlib.crc32(payload, crc):
            return None
    return LinkFrame(command, sequence, status, state, frame, value, identity, payload)
