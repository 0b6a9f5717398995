"""Consistent Overhead Byte Stuffing: bytes without zeros (Cheshire & Baker, 1999)."""

from __future__ import annotations


def encode_cobs(data: bytes) -> bytes:
    """Encodes `data` so that no byte of the result is zero."""
    out = bytearray()
    for chunk in data.split(b"\0"):
        while len(chunk) >= 254:
            out.append(255)
            out += chunk[:254]
            chunk = chunk[254:]
        out.append(len(chunk) + 1)
        out += chunk
    return bytes(out)


def decode_cobs(data: bytes) -> bytes | None:
    """Reverses encode_cobs(); None for bytes that it cannot have made."""
    out = bytearray()
    at = 0
    while at < len(data):
        code = data[at]
        end = at + code
        if code == 0 or end > len(data) or 0 in data[at + 1 : end]:
            return None
        out += data[at + 1 : end]
        at = end
        if code < 255 and at < len(data):
            out.append(0)
    return bytes(out) if data else None
