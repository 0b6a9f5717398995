"""Frames of the serial protocol (docs/protocol.md), and their separation from console text."""

from __future__ import annotations

import zlib
from dataclasses import dataclass

from tinydeploy.link.cobs import decode_cobs, encode_cobs

MAX_PAYLOAD = 64
DELIMITER = b"\0"

# Command, sequence number, payload, CRC; one byte of COBS overhead up to 254 bytes.
_MAX_ENCODED = 2 + MAX_PAYLOAD + 4 + 1


@dataclass(frozen=True)
class Frame:
    """One request or answer."""

    command: int
    sequence: int
    payload: bytes = b""


def encode_frame(frame: Frame) -> bytes:
    """A frame as it goes over the line, delimiters included."""
    if len(frame.payload) > MAX_PAYLOAD:
        raise ValueError(f"a payload of {len(frame.payload)} bytes; at most {MAX_PAYLOAD} fit")
    body = bytes((frame.command, frame.sequence)) + frame.payload
    crc = zlib.crc32(body).to_bytes(4, "little")
    return DELIMITER + encode_cobs(body + crc) + DELIMITER


def decode_frame(encoded: bytes) -> Frame | None:
    """The frame between two delimiters; None for anything else."""
    body = decode_cobs(encoded) if len(encoded) <= _MAX_ENCODED else None
    if body is None or not 6 <= len(body) <= 6 + MAX_PAYLOAD:
        return None
    if zlib.crc32(body[:-4]) != int.from_bytes(body[-4:], "little"):
        return None
    return Frame(body[0], body[1], body[2:-4])


class FrameSplitter:
    """Splits what arrives into frames and text, in bounded memory."""

    def __init__(self) -> None:
        self._pending = bytearray()
        self._is_text = False  # what is pending is too long for a frame

    def feed(self, data: bytes) -> list[Frame | bytes]:
        """Takes bytes in any portions; returns frames and pieces of text in order of arrival."""
        found: list[Frame | bytes] = []
        *closed, rest = data.split(DELIMITER)
        for part in closed:
            self._pending += part
            found += self._close()
        self._pending += rest
        if len(self._pending) > _MAX_ENCODED or (self._is_text and self._pending):
            found.append(self.take_text())
            self._is_text = True
        return found

    def take_text(self) -> bytes:
        """Takes what has arrived since the last delimiter: text, if no delimiter follows."""
        text = bytes(self._pending)
        self._pending.clear()
        return text

    def _close(self) -> list[Frame | bytes]:
        pending = self.take_text()
        was_text, self._is_text = self._is_text, False
        if not pending:
            return []
        frame = None if was_text else decode_frame(pending)
        return [frame or pending]
