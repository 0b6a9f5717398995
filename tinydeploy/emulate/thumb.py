"""What counting needs of the Thumb encoding: lengths, FPU use, bases that must be aligned."""

from __future__ import annotations


def decode(code: bytes, address: int) -> list[tuple[int, int, int]]:
    """Splits Thumb code into (address, first halfword, second halfword or 0)."""
    out = []
    at = 0
    while at + 2 <= len(code):
        first = code[at] | code[at + 1] << 8
        wide = first >= 0xE800 and at + 4 <= len(code)
        out.append((address + at, first, code[at + 2] | code[at + 3] << 8 if wide else 0))
        at += 4 if wide else 2
    return out


def wants_alignment(first: int, second: int) -> bool:
    """Whether an instruction faults on a base, sp and pc excepted, that is no multiple of 4.

    LDM, STM, LDRD, STRD, LDREX, STREX, VLDR, VSTR, VLDM, VSTM (ARMv7-M ARM, A3.2.1).
    """
    if first < 0xE800:
        return first & 0xF000 == 0xC000
    if first & 15 in (13, 15):
        return False
    if first & 0xFE40 == 0xE800:
        return True
    if first & 0xFFE0 == 0xE8C0:  # table branches, exclusive accesses of bytes and halfwords
        return False
    if first & 0xFE40 == 0xE840:
        return True
    return first & 0xFE00 == 0xEC00 and first & 0xFFE0 != 0xEC40 and second >> 8 & 14 == 10


def is_fpu(first: int, second: int) -> bool:
    """Whether an instruction of two halfwords belongs to coprocessors 10 and 11, the FPU."""
    return first & 0xEC00 == 0xEC00 and second >> 8 & 14 == 10


def is_double(first: int, second: int) -> bool:
    """Whether an instruction computes with double precision.

    FPUs for single precision load, store and move 64-bit registers, too.
    """
    return first & 0xEF00 == 0xEE00 and second & 0x0F10 == 0x0B00
