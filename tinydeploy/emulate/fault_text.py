"""What the firmware's report of a fault means: source lines, and status bits in words."""

from __future__ import annotations

import re
from typing import Final

from tinydeploy.emulate.image import Image

# The line that firmware/targets/common/fault.c prints.
_REPORT = re.compile(r"^FAULT ((?:[a-z]+ [0-9a-f]{8} ?)+)\s*$")

# SCB_CFSR, Armv7-M Architecture Reference Manual (DDI 0403E), B3.2.15.
_STATUS: Final = {
    0: "code was to run where none may (MPU)",
    1: "data was accessed where it may not be (MPU)",
    3: "return from an exception went wrong (MPU)",
    4: "entry of an exception overflowed the stack (MPU)",
    5: "saving FPU registers overflowed the stack (MPU)",
    8: "code was to run from an address without memory",
    9: "a data access was refused by the bus",
    10: "a write was refused by the bus, some instructions ago",
    11: "return from an exception was refused by the bus",
    12: "entry of an exception was refused by the bus",
    13: "saving FPU registers was refused by the bus",
    16: "an undefined instruction",
    17: "a jump to an even address: not Thumb code",
    18: "a return to something that is no exception",
    19: "the FPU is off",
    24: "an unaligned access by an instruction that cannot",
    25: "a division by zero",
}
_MMFAR_VALID, _BFAR_VALID = 1 << 7, 1 << 15
_HARD: Final = {1: "the vector table could not be read"}


def explain_fault(line: str, image: Image | None) -> list[str]:
    """Lines that say what a report means; none where `line` is not one.

    Args:
        line: A line of the board's console.
        image: The firmware that printed it, for source lines; None where it is not known.
    """
    found = _REPORT.match(line.strip())
    if found is None:
        return []
    words = found[1].split()
    values = {name: int(text, 16) for name, text in zip(words[::2], words[1::2], strict=True)}
    status = values.get("cfsr", 0)
    said = [text for bit, text in _STATUS.items() if status >> bit & 1]
    said += [text for bit, text in _HARD.items() if values.get("hfsr", 0) >> bit & 1]
    lines = [f"  why     {'; '.join(said) or 'not told by the status registers'}"]
    if status & _BFAR_VALID:
        lines.append(f"  address {values.get('bfar', 0):#010x}")
    elif status & _MMFAR_VALID:
        lines.append(f"  address {values.get('mmfar', 0):#010x}")
    if image is not None:
        lines += _describe_places(image, values.get("pc", 0), values.get("lr", 0) & ~1)
    return lines


def _describe_places(image: Image, pc: int, caller: int) -> list[str]:
    if not pc and not caller:
        return ["  at      unknown: the stack was used up, and with it the place"]
    lines = [f"  at      {pc:#010x} {image.describe(pc)}"]
    if image.function_at(caller):
        lines.append(f"  called  from {image.describe(caller - 2)}")
    return lines
