"""Turns an ELF file into a flash image: raw binary and Intel HEX, made from the load segments."""

from __future__ import annotations

import io
from dataclasses import dataclass

from elftools.common.exceptions import ELFError
from elftools.elf.elffile import ELFFile

from tinydeploy.errors import InputFileError

_RECORD_BYTES = 16
_DATA, _END, _UPPER_ADDRESS, _ENTRY = 0, 1, 4, 5


@dataclass(frozen=True)
class Image:
    """What a flash must hold.

    Args:
        address: Of the first byte.
        data: All bytes from there on; gaps between segments are 0.
        entry: Where execution begins, as the ELF header says.
    """

    address: int
    data: bytes
    entry: int


def read_image(elf: bytes) -> Image:
    """Collects the segments that have bytes in the file, at their load (physical) addresses.

    Raises:
        InputFileError: Not an ELF file, or nothing in it to load.
    """
    try:
        file = ELFFile(io.BytesIO(elf))
        segments = sorted(
            (segment["p_paddr"], segment.data())
            for segment in file.iter_segments("PT_LOAD")
            if segment["p_filesz"] > 0
        )
    except ELFError as error:
        raise InputFileError(f"the firmware is not an ELF file: {error}") from error
    if not segments:
        raise InputFileError("the ELF file has nothing to load")
    address = segments[0][0]
    data = bytearray()
    for start, content in segments:
        if start < address + len(data):
            raise InputFileError(f"the ELF file loads two segments to address 0x{start:08x}")
        data += bytes(start - address - len(data)) + content
    return Image(address, bytes(data), file.header["e_entry"])


def write_hex(image: Image) -> str:
    """Intel HEX (Intel, Hexadecimal Object File Format Specification, 1988)."""
    records = []
    upper = -1
    position = 0
    while position < len(image.data):
        address = image.address + position
        if address >> 16 != upper:
            upper = address >> 16
            records.append(_record(0, _UPPER_ADDRESS, upper.to_bytes(2, "big")))
        end_of_64k = 0x10000 - (address & 0xFFFF)
        count = min(_RECORD_BYTES, end_of_64k, len(image.data) - position)
        records.append(_record(address & 0xFFFF, _DATA, image.data[position : position + count]))
        position += count
    records.append(_record(0, _ENTRY, image.entry.to_bytes(4, "big")))
    records.append(_record(0, _END, b""))
    return "".join(records)


def _record(address: int, kind: int, data: bytes) -> str:
    body = bytes([len(data)]) + address.to_bytes(2, "big") + bytes([kind]) + data
    checksum = -sum(body) & 0xFF
    return f":{body.hex().upper()}{checksum:02X}\n"
