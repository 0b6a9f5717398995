"""Programs as files: a header with a CRC-32, then what lies in memory when the machine starts.

| offset | bytes | content |
|---|---|---|
| 0 | 4 | `TNPU` |
| 4 | 2 | version of the format, 1 |
| 6 | 2 | version of the instruction set, 1 |
| 8 | 4 | CRC-32 (IEEE 802.3) of the whole file with these four bytes as zeros; the identity |
| 12 | 4 | length of the file |
| 16 | 4 | bytes of instructions, from address 0 on |
| 20 | 4 | bytes of instructions and constants |
| 24 | 4 | bytes of an image |
| 28 | 4 | bytes of the results of a frame |
| 32 | 32 | zeros |
| 64 | ... | instructions, then constants |

All numbers are unsigned and little-endian.
"""

from __future__ import annotations

import struct
import zlib
from dataclasses import dataclass
from functools import cached_property
from typing import Final

from tinydeploy.errors import ProgramError
from tinydeploy.npu.isa import (
    IMAGE_LIMIT,
    INSTRUCTION_BYTES,
    ISA_VERSION,
    LANES,
    MEMORY_BYTES,
)

MAGIC: Final = b"TNPU"
FORMAT_VERSION: Final = 1
HEADER_BYTES: Final = 64
MAX_OUTPUT_BYTES: Final = 128 * 1024
_HEADER: Final = struct.Struct("<4sHHIIIIII32s")
_DAMAGED = "Compile or download it again."


@dataclass(frozen=True)
class Program:
    """What a program file says, checked: all of it fits.

    Args:
        code: The instructions.
        constants: Weights and tables, behind the instructions.
        image_bytes: Size of an image.
        output_bytes: Size of the results of a frame.
    """

    code: bytes
    constants: bytes
    image_bytes: int
    output_bytes: int

    def __post_init__(self) -> None:
        if problem := self._find_problem():
            raise ProgramError(f"the program {problem}")

    def _find_problem(self) -> str:
        if not self.code or len(self.code) % INSTRUCTION_BYTES:
            return f"has {len(self.code)} bytes of code, not a multiple of {INSTRUCTION_BYTES}"
        if len(self.constants) % LANES:
            return f"has {len(self.constants)} bytes of constants, not a multiple of {LANES}"
        if self.static_bytes > MEMORY_BYTES:
            return f"needs {self.static_bytes:,} bytes of the {MEMORY_BYTES:,} for what is constant"
        if not 1 <= self.image_bytes <= IMAGE_LIMIT:
            return f"has an image of {self.image_bytes} bytes, not 1 to {IMAGE_LIMIT}"
        if not 1 <= self.output_bytes <= MAX_OUTPUT_BYTES:
            return f"has results of {self.output_bytes} bytes, not 1 to {MAX_OUTPUT_BYTES}"
        return ""

    @property
    def static_bytes(self) -> int:
        """Bytes of instructions and constants: where the writable memory begins."""
        return len(self.code) + len(self.constants)

    @property
    def instruction_count(self) -> int:
        """Number of instructions."""
        return len(self.code) // INSTRUCTION_BYTES

    @property
    def identity(self) -> int:
        """The CRC-32 that tells this program from any other."""
        return _read_crc(self.data)

    @cached_property
    def data(self) -> bytes:
        """The file."""
        length = HEADER_BYTES + self.static_bytes
        numbers = (length, len(self.code), self.static_bytes)
        ends = (self.image_bytes, self.output_bytes)
        header = _HEADER.pack(MAGIC, FORMAT_VERSION, ISA_VERSION, 0, *numbers, *ends, b"")
        body = header + self.code + self.constants
        return body[:8] + struct.pack("<I", zlib.crc32(body)) + body[12:]


def _read_crc(data: bytes) -> int:
    (crc,) = struct.unpack_from("<I", data, 8)
    return int(crc)


def parse_program(data: bytes) -> Program:
    """Reads a program file.

    Args:
        data: Any bytes.

    Raises:
        ProgramError: They are no program, or one of another version, damaged or too large. Its
            instructions are not looked at.
    """
    if len(data) < HEADER_BYTES or data[:4] != MAGIC:
        raise ProgramError(
            "this is no TinyNPU program", "Make one with tinydeploy npu compile or npu asm."
        )
    _, version, isa, crc, length, code, static, image, output, rest = _HEADER.unpack_from(data)
    if (version, isa) != (FORMAT_VERSION, ISA_VERSION):
        raise ProgramError(
            f"the program is of format {version} and instruction set {isa}, this machine takes "
            f"format {FORMAT_VERSION} and instruction set {ISA_VERSION}",
            "Compile it again with the tinydeploy that drives the machine.",
        )
    if length != len(data):
        raise ProgramError(f"the program has {len(data)} bytes, its header says {length}", _DAMAGED)
    found = zlib.crc32(data[:8] + bytes(4) + data[12:])
    if found != crc:
        raise ProgramError(f"the program's CRC is 0x{found:08x}, not 0x{crc:08x}", _DAMAGED)
    if static != length - HEADER_BYTES or code > static or any(rest):
        raise ProgramError("the program's header contradicts itself", _DAMAGED)
    body = data[HEADER_BYTES:]
    return Program(body[:code], body[code:], image, output)
