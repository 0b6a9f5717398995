"""From text to a program.

    .image 192                ; bytes of the image
    .output 8                 ; bytes of the results of a frame
    start:                    ; a label: the number of the next instruction
        WAIT
        PACK dst=@free height=8 width=8 channels=3
        CONV src=@free dst=@free+0x400 weights=@filter table=@affine ...
        SEND src=@free+0x400 bytes=8
        JUMP target=start
    .constants
    affine:                   ; the address of what follows
        .norm 0.01 -3 -128 127    ; scale, offset, least, greatest
        .align                    ; zeros up to the next multiple of 16
    filter:
        .bytes 00ff7f80...        ; hexadecimal

Operands that are left out are 0, or the least that is legal. An address is a number or `@label`, or
`@free`, where the memory begins that is not constant, with `+number` behind it or not.
"""

from __future__ import annotations

import re
import struct
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import Final

from tinydeploy.errors import ProgramError
from tinydeploy.npu.isa import (
    INSTRUCTION_BYTES,
    LANES,
    MEMORY_BYTES,
    Instruction,
    encode,
    make,
)
from tinydeploy.npu.layout import align
from tinydeploy.npu.program import Program

MAX_TEXT: Final = 8 << 20
_LABEL: Final = re.compile(r"[A-Za-z_]\w*")
_NUMBER: Final = re.compile(r"-?(0[xX][0-9a-fA-F]{1,8}|\d{1,10})")


class _LineError(Exception):
    """What is wrong with a line."""


@dataclass
class _Text:
    """What has been read of a program."""

    code: list[tuple[int, str, list[str]]] = field(default_factory=list)
    """Line, mnemonic and operands."""

    constants: bytearray = field(default_factory=bytearray)
    labels: dict[str, int] = field(default_factory=dict)
    """Numbers of instructions."""

    places: dict[str, int] = field(default_factory=dict)
    """Offsets of constants."""

    image: int | None = None
    output: int | None = None
    in_constants: bool = False


def assemble(text: str) -> Program:
    """Assembles a program.

    Args:
        text: See above.

    Raises:
        ProgramError: A line cannot be understood, and the message has its number; or the program
            as a whole does not fit.
    """
    if len(text) > MAX_TEXT:
        raise ProgramError(f"the text has {len(text):,} characters, more than {MAX_TEXT:,}")
    found = _Text()
    for number, line in enumerate(text.split("\n"), 1):
        with _naming(number):
            _read_line(found, number, line)
    if found.image is None or found.output is None:
        missing = ".image BYTES" if found.image is None else ".output BYTES"
        raise ProgramError(f"the program has no {missing}", "Put it on the first lines.")
    if not found.code:
        raise ProgramError("the program has no instructions", "It begins with WAIT.")
    code = bytearray()
    for number, name, operands in found.code:
        with _naming(number):
            code += encode(_make(found, name, operands))
    constants = bytes(found.constants) + bytes(align(len(found.constants)) - len(found.constants))
    return Program(bytes(code), constants, found.image, found.output)


@contextmanager
def _naming(number: int) -> Iterator[None]:
    """Errors in this context name the line."""
    try:
        yield
    except ProgramError as error:
        raise ProgramError(f"line {number}: {error.message}", error.hint) from error
    except _LineError as error:
        advice = "docs/tinynpu.md has the assembler's language."
        raise ProgramError(f"line {number}: {error}", advice) from error


def _read_line(text: _Text, number: int, line: str) -> None:
    words = line.partition(";")[0].split()
    if not words:
        return
    first, *others = words
    if first.endswith(":"):
        _define(text, first[:-1])
        if others:
            raise _LineError("a label stands on a line of its own")
    elif first.startswith("."):
        _read_directive(text, first, others)
    elif text.in_constants:
        raise _LineError(f"{first} is no constant; instructions come before .constants")
    else:
        text.code.append((number, first, others))


def _define(text: _Text, name: str) -> None:
    if not _LABEL.fullmatch(name) or name == "free":
        raise _LineError(f"{name[:40]!r} cannot be a label")
    if name in text.labels or name in text.places:
        raise _LineError(f"there is a label {name} already")
    if text.in_constants:
        text.places[name] = len(text.constants)
    else:
        text.labels[name] = len(text.code)


def _read_directive(text: _Text, name: str, words: list[str]) -> None:
    if name == ".image" and len(words) == 1 and text.image is None:
        text.image = _number(words[0])
    elif name == ".output" and len(words) == 1 and text.output is None:
        text.output = _number(words[0])
    elif name == ".constants" and not words and not text.in_constants:
        text.in_constants = True
    elif name in _CONSTANTS and text.in_constants:
        text.constants += _CONSTANTS[name](text, words)
        if len(text.constants) > MEMORY_BYTES:
            raise _LineError(f"the constants have more than {MEMORY_BYTES:,} bytes")
    elif name in _CONSTANTS:
        raise _LineError(f"{name} belongs behind .constants")
    elif name in (".image", ".output", ".constants"):
        raise _LineError(f"{name} stands here a second time, or with words that it does not have")
    else:
        raise _LineError(f"there is no directive {name[:40]}")


def _read_bytes(text: _Text, words: list[str]) -> bytes:
    del text
    try:
        return bytes.fromhex("".join(words))
    except ValueError as error:
        raise _LineError("bytes are pairs of hexadecimal digits") from error


def _read_align(text: _Text, words: list[str]) -> bytes:
    if words:
        raise _LineError(f".align has no operands: it is always to {LANES}")
    return bytes(align(len(text.constants)) - len(text.constants))


def _read_norm(text: _Text, words: list[str]) -> bytes:
    return _read_record(text, words, scales=1)


def _read_sum(text: _Text, words: list[str]) -> bytes:
    return _read_record(text, words, scales=2)


def _read_record(text: _Text, words: list[str], scales: int) -> bytes:
    del text
    if len(words) != scales + 3:
        raise _LineError(f"a record has {scales + 3} numbers: scale, offset, least, greatest")
    try:
        numbers = [float.fromhex(w) if "x" in w.lower() else float(w) for w in words[: scales + 1]]
        return struct.pack(f"<{scales + 1}f2bH", *numbers, *map(_number, words[scales + 1 :]), 0)
    except (ValueError, OverflowError, struct.error) as error:
        raise _LineError("a record's scales and offset are float32, its bounds int8") from error


_CONSTANTS: Final[dict[str, Callable[[_Text, list[str]], bytes]]] = {
    ".bytes": _read_bytes,
    ".align": _read_align,
    ".norm": _read_norm,
    ".sum": _read_sum,
}


def _make(text: _Text, name: str, words: list[str]) -> Instruction:
    operands: dict[str, int] = {}
    for word in words:
        key, equals, value = word.partition("=")
        if not equals or key in operands:
            raise _LineError(f"{word[:40]!r} is no operand, or is there twice; one is name=value")
        operands[key] = _resolve(text, value)
    return make(name, **operands)


def _resolve(text: _Text, value: str) -> int:
    if value in text.labels:
        return text.labels[value]
    if not value.startswith("@"):
        return _number(value)
    name, plus, offset = value[1:].partition("+")
    base = len(text.code) * INSTRUCTION_BYTES
    if name in text.places:
        base += text.places[name]
    elif name == "free":
        base += align(len(text.constants))
    else:
        raise _LineError(f"there is no label {name[:40]} among the constants")
    return base + (_number(offset) if plus else 0)


def _number(word: str) -> int:
    if not _NUMBER.fullmatch(word):
        raise _LineError(f"{word[:40]!r} is no number and no label")
    return int(word, 16) if "x" in word.lower() else int(word)
