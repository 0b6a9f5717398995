"""Turns an ELF file into flash images: raw binary and Intel HEX, made from the load segments."""

from __future__ import annotations

import io
from collections.abc import Sequence
from dataclasses import dataclass

from elftools.common.exceptions import ELFError
from elftools.elf.elffile import ELFFile

from tinydeploy.board import Memory
from tinydeploy.errors import InputFileError

_RECORD_BYTES = 16
_DATA, _END, _UPPER_ADDRESS, _ENTRY = 0, 1, 4, 5


# Segments with a larger gap between them lie in different memories.
_LARGEST_GAP = 1 << 20


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

    @property
    def end(self) -> int:
        """Address behind the last byte."""
        return self.address + len(self.data)


def read_images(elf: bytes) -> tuple[Image, ...]:
    """Collects the segments that have bytes in the file, at their load (physical) addresses.

    Returns:
        One image per flash, by address.

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
    parts: list[tuple[int, bytearray]] = []
    for start, content in segments:
        end = parts[-1][0] + len(parts[-1][1]) if parts else start
        if start < end:
            raise InputFileError(f"the ELF file loads two segments to address 0x{start:08x}")
        if not parts or start - end > _LARGEST_GAP:
            parts.append((start, bytearray()))
        else:
            parts[-1][1].extend(bytes(start - end))
        parts[-1][1].extend(content)
    entry = file.header["e_entry"]
    return tuple(Image(address, bytes(data), entry) for address, data in parts)


def image_in(images: Sequence[Image], memory: Memory) -> Image:
    """The image that begins in a memory."""
    for image in images:
        if memory.address <= image.address < memory.end:
            return image
    raise InputFileError(f"the firmware puts nothing into {memory.name}")


def write_hex(images: Sequence[Image]) -> str:
    """Intel HEX (Intel, Hexadecimal Object File Format Specification, 1988)."""
    records = []
    upper = -1
    for image in images:
        position = 0
        while position < len(image.data):
            address = image.address + position
            if address >> 16 != upper:
                upper = address >> 16
                records.append(_record(0, _UPPER_ADDRESS, upper.to_bytes(2, "big")))
            end_of_64k = 0x10000 - (address & 0xFFFF)
            count = min(_RECORD_BYTES, end_of_64k, len(image.data) - position)
            data = image.data[position : position + count]
            records.append(_record(address & 0xFFFF, _DATA, data))
            position += count
    records.append(_record(0, _ENTRY, images[0].entry.to_bytes(4, "big")))
    records.append(_record(0, _END, b""))
    return "".join(records)


def _record(address: int, kind: int, data: bytes) -> str:
    body = bytes([len(data)]) + address.to_bytes(2, "big") + bytes([kind]) + data
    checksum = -sum(body) & 0xFF
    return f":{body.hex().upper()}{checksum:02X}\n"
