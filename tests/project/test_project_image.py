"""Flash images from ELF files, and Intel HEX."""

from __future__ import annotations

import pytest

from tinydeploy.errors import InputFileError
from tinydeploy.project.image import Image, read_images, write_hex


def test_hex_records() -> None:
    """The format's own rules: 16 bytes a record, an upper address for each 64 KB, checksums."""
    image = Image(0x0800FFF4, bytes(range(20)), 0x08000299)
    assert write_hex([image]).splitlines() == [
        ":020000040800F2",
        ":0CFFF400000102030405060708090A0BBF",
        ":020000040801F1",
        ":080000000C0D0E0F101112137C",
        ":040000050800029954",
        ":00000001FF",
    ]


def test_hex_splits_at_sixteen() -> None:
    lines = write_hex([Image(0x08000000, bytes(33), 0)]).splitlines()
    assert [line[1:9] for line in lines[1:4]] == ["10000000", "10001000", "01002000"]


@pytest.mark.parametrize("content", [b"", b"\x7fELF", b"no ELF file at all", b"\x7fELF\1\1\1" * 20])
def test_not_an_elf(content: bytes) -> None:
    with pytest.raises(InputFileError):
        read_images(content)


def elf32(*segments: tuple[int, int, bytes]) -> bytes:
    """A minimal ELF file: (virtual address, physical address, bytes) per segment."""
    header = bytearray(b"\x7fELF\1\1\1" + bytes(9))
    fields = ((2, 2), (40, 2), (1, 4), (0x08000001, 4), (52, 4), (0, 4), (0x5000400, 4))
    sizes = ((52, 2), (32, 2), (len(segments), 2), (40, 2), (0, 2), (0, 2))
    for value, size in (*fields, *sizes):
        header += value.to_bytes(size, "little")
    offset = 52 + 32 * len(segments)
    table, body = b"", b""
    for virtual, physical, data in segments:
        words = (1, offset + len(body), virtual, physical, len(data), len(data) + 8, 4, 4)
        table += b"".join(word.to_bytes(4, "little") for word in words)
        body += data
    return bytes(header) + table + body


def test_segments_go_to_their_load_addresses() -> None:
    """Initial values run at 0x20001000 and are stored behind the code; gaps become zeros."""
    elf = elf32((0x20001000, 0x08000008, b"data"), (0x08000000, 0x08000000, b"code"))
    assert read_images(elf) == (Image(0x08000000, b"code\0\0\0\0data", 0x08000001),)


def test_segments_without_bytes_are_no_part_of_it() -> None:
    elf = elf32((0x20000000, 0x20000000, b""), (0x08000000, 0x08000000, b"code"))
    assert read_images(elf)[0].data == b"code"
    with pytest.raises(InputFileError, match="nothing to load"):
        read_images(elf32((0x20000000, 0x20000000, b"")))


def test_overlapping_segments() -> None:
    with pytest.raises(InputFileError, match="two segments to address 0x08000002"):
        read_images(elf32((0x08000000, 0x08000000, b"code"), (0x08000002, 0x08000002, b"more")))
