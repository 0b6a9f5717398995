"""Messages between an emulated board's process and its parent.

    kind:u8  length of facts:u32  length of data:u32  facts (JSON)  data

UART bytes travel as data without facts; requests, replies and the final report as facts, replies
with data. What debuggers say and are told is data too, with facts that tell connections apart.
"""

from __future__ import annotations

import enum
import json
import struct
from typing import Any, BinaryIO

_HEADER = struct.Struct("<BII")


class Kind(enum.IntEnum):
    """What a message is."""

    UART = 0
    REQUEST = 1
    REPLY = 2
    STOPPED = 3
    DEBUG = 4


def pack_message(kind: Kind, content: dict[str, Any] | bytes, data: bytes = b"") -> bytes:
    """One message as bytes; `content` is facts, or the UART bytes themselves."""
    if isinstance(content, bytes):
        return _HEADER.pack(kind, 0, len(content)) + content
    facts = json.dumps(content).encode()
    return _HEADER.pack(kind, len(facts), len(data)) + facts + data


def read_message(source: BinaryIO) -> tuple[Kind, dict[str, Any], bytes] | None:
    """Blocks for the next message; None where the other side has gone."""
    header = _read_exactly(source, _HEADER.size)
    if header is None:
        return None
    kind, facts_size, data_size = _HEADER.unpack(header)
    facts = _read_exactly(source, facts_size)
    data = _read_exactly(source, data_size)
    if facts is None or data is None:
        return None
    return Kind(kind), json.loads(facts) if facts else {}, data


def _read_exactly(source: BinaryIO, size: int) -> bytes | None:
    parts = bytearray()
    while len(parts) < size:
        try:
            part = source.read(size - len(parts))
        except (OSError, ValueError):
            return None
        if not part:
            return None
        parts += part
    return bytes(parts)
