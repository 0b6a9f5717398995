"""Reads Intel HEX, apart from the code that writes it."""

from __future__ import annotations


def read_hex(content: bytes) -> dict[object, int]:
    """Byte by address; the entry under its own key."""
    found: dict[object, int] = {}
    base = 0
    for line in content.decode("ascii").split():
        record = bytes.fromhex(line.removeprefix(":"))
        assert sum(record) & 0xFF == 0
        count, address, kind = record[0], int.from_bytes(record[1:3], "big"), record[3]
        data = record[4:-1]
        assert len(data) == count
        if kind == 0:
            found |= {base + address + i: byte for i, byte in enumerate(data)}
        elif kind == 4:
            base = int.from_bytes(data, "big") << 16
        elif kind == 5:
            found["entry"] = int.from_bytes(data, "big")
        elif kind == 3:  # objcopy has the entry as segment and offset where that can hold it
            segment, offset = int.from_bytes(data[:2], "big"), int.from_bytes(data[2:], "big")
            found["entry"] = 16 * segment + offset
    return found


def drop_filler(ours: dict[object, int], theirs: dict[object, int]) -> dict[object, int]:
    """Ours without the zeros between sections, which objcopy leaves out."""
    return {place: byte for place, byte in ours.items() if place in theirs or byte != 0}
