"""The instruction set: thirteen instructions, their fields, their encoding.

An instruction is 32 bytes: eight 32-bit words, each little-endian. The lowest byte of word 0 is the
opcode, whose high digit is the class. All bits that belong to no field are zero. Everything that
the machine does follows from these fields and from constants: no instruction leaves state behind
for the next one but in memory.
"""

from __future__ import annotations

import struct
from collections.abc import Mapping
from dataclasses import dataclass
from types import MappingProxyType
from typing import Final, Literal

from tinydeploy.errors import ProgramError

ISA_VERSION: Final = 1
INSTRUCTION_BYTES: Final = 32
MEMORY_BYTES: Final = 992 * 1024
FEATURE_LIMIT: Final = 128 * 1024
"""Most bytes of one feature map, in blocks."""
IMAGE_LIMIT: Final = 256 * 1024
"""Most bytes of an image: the size of a port, besides the memory."""
LANES: Final = 16
"""Channels of a block; everything in memory begins at a multiple of as many bytes."""

_WORDS: Final = INSTRUCTION_BYTES // 4
_WORD_FORMAT: Final = struct.Struct(f"<{_WORDS}I")

Class = Literal["tensor", "neural", "control"]


@dataclass(frozen=True)
class Field:
    """Some bits of an instruction.

    Args:
        name: How the assembler calls it.
        word: Number of the 32-bit word.
        bit: Its lowest bit there.
        width: Number of bits.
        meaning: What it says, for the manual.
        least: Least legal value.
        signed: Two's complement.
    """

    name: str
    word: int
    bit: int
    width: int
    meaning: str
    least: int = 0
    signed: bool = False

    @property
    def most(self) -> int:
        """Greatest value that fits."""
        return (1 << (self.width - self.signed)) - 1

    @property
    def mask(self) -> int:
        """Its bits within the word."""
        return ((1 << self.width) - 1) << self.bit

    def problem(self, value: int) -> str:
        """What is wrong with a value; empty for a legal one."""
        if self.least <= value <= self.most:
            return ""
        return f"{self.name} is {value}, not {self.least} to {self.most}"


def _address(name: str, word: int, meaning: str) -> Field:
    return Field(name, word, 0, 20, f"address of {meaning}")


_KERNEL = (
    Field("kernel_h", 0, 16, 4, "rows of the window", 1),
    Field("kernel_w", 0, 20, 4, "columns of the window", 1),
    Field("stride_h", 0, 24, 4, "step of the window down", 1),
    Field("stride_w", 0, 28, 4, "step of the window to the right", 1),
    Field("top", 3, 0, 4, "rows of padding above"),
    Field("left", 3, 4, 4, "columns of padding on the left"),
    Field("bottom", 3, 8, 4, "rows of padding below"),
    Field("right", 3, 12, 4, "columns of padding on the right"),
)
_ZERO = Field("zero", 0, 8, 8, "zero point of the source, and its padding", -128, signed=True)
_SIZE = (
    Field("height", 1, 0, 16, "rows of the source", 1),
    Field("width", 1, 16, 16, "columns of the source", 1),
    Field("channels", 2, 0, 16, "channels of the source", 1),
)
_OUTPUTS = Field("outputs", 2, 16, 16, "channels of the result", 1)
_SOURCE = _address("src", 4, "the source")
_RESULT = _address("dst", 5, "the result")
_WEIGHTS = _address("weights", 6, "the weights")
_TABLE = _address("table", 7, "the normalization table")
_POOL = Field("pool", 3, 16, 4, "side and step of the pool behind the convolution; 1: none", 1)


@dataclass(frozen=True)
class Format:
    """One of the thirteen instructions.

    Args:
        name: Its mnemonic.
        opcode: Lowest byte of word 0.
        kind: Its class.
        fields: In the order in which the assembler writes them.
        meaning: What it does, for the manual.
    """

    name: str
    opcode: int
    kind: Class
    fields: tuple[Field, ...]
    meaning: str

    @property
    def masks(self) -> tuple[int, ...]:
        """The bits of each word that are not reserved."""
        masks = [0xFF, *[0] * (_WORDS - 1)]
        for field in self.fields:
            masks[field.word] |= field.mask
        return tuple(masks)


FORMATS: Final = (
    Format(
        "PACK",
        0x10,
        "tensor",
        (_RESULT, *_SIZE),
        "Converts the image, rows of pixels of channels, to blocks.",
    ),
    Format(
        "UNPACK",
        0x11,
        "tensor",
        (_SOURCE, _RESULT, *_SIZE),
        "Converts blocks to rows of pixels of channels, as results are sent.",
    ),
    Format(
        "NORM",
        0x12,
        "tensor",
        (_SOURCE, _RESULT, _TABLE, *_SIZE),
        "Batch normalization: the table's affine of each value, by channel.",
    ),
    Format(
        "ADD",
        0x13,
        "tensor",
        (_SOURCE, _address("other", 6, "the other source"), _RESULT, _TABLE, *_SIZE),
        "The scaled sum of two feature maps of equal size: a dense shortcut.",
    ),
    Format(
        "MAXPOOL",
        0x14,
        "tensor",
        (_SOURCE, _RESULT, *_SIZE, *_KERNEL),
        "The greatest value under each window; padding does not count.",
    ),
    Format(
        "MEAN",
        0x15,
        "tensor",
        (_SOURCE, _RESULT, _TABLE, *_SIZE),
        "The sum of each channel over all pixels, normalized: one pixel.",
    ),
    Format(
        "STEM",
        0x20,
        "neural",
        (_RESULT, _WEIGHTS, _TABLE, *_SIZE, _OUTPUTS, _ZERO, *_KERNEL, _POOL),
        "Convolution of the image, normalized, and a max pool behind it, in one.",
    ),
    Format(
        "CONV",
        0x21,
        "neural",
        (_SOURCE, _RESULT, _WEIGHTS, _TABLE, *_SIZE, _OUTPUTS, _ZERO, *_KERNEL),
        "Convolution over all channels, normalized.",
    ),
    Format(
        "DWCONV",
        0x22,
        "neural",
        (_SOURCE, _RESULT, _WEIGHTS, _TABLE, *_SIZE, _ZERO, *_KERNEL),
        "Convolution of each channel by itself, normalized.",
    ),
    Format(
        "WAIT", 0x30, "control", (), "Waits for an image. Where none comes, the frame has ended."
    ),
    Format(
        "SEND",
        0x31,
        "control",
        (_SOURCE, Field("bytes", 1, 0, 20, "number of bytes", 1)),
        "Hands bytes over as results, behind those of this frame handed over before.",
    ),
    Format(
        "JUMP",
        0x32,
        "control",
        (Field("target", 1, 0, 16, "number of the instruction to go on with"),),
        "Goes on with another instruction.",
    ),
    Format("HALT", 0x33, "control", (), "Stops. No image is taken until a program is loaded."),
)

_BY_NAME: Final = {form.name: form for form in FORMATS}
_BY_OPCODE: Final = {form.opcode: form for form in FORMATS}


@dataclass(frozen=True)
class Instruction:
    """An instruction with its operands, all of them legal by themselves.

    Args:
        form: Which of the thirteen.
        operands: The value of every field, by name.
    """

    form: Format
    operands: Mapping[str, int]

    @property
    def name(self) -> str:
        """Its mnemonic."""
        return self.form.name

    def __getitem__(self, field: str) -> int:
        return self.operands[field]

    def __str__(self) -> str:
        return " ".join([self.name, *(f"{k}={show(k, v)}" for k, v in self.operands.items())])


def show(field: str, value: int) -> str:
    """An operand as the assembler writes it: addresses in hexadecimal."""
    return f"0x{value:05x}" if field in _ADDRESSES else str(value)


_ADDRESSES: Final = frozenset(
    field.name for form in FORMATS for field in form.fields if field.meaning.startswith("address")
)


def find_format(name: str) -> Format | None:
    """The instruction of this mnemonic, in capitals."""
    return _BY_NAME.get(name)


def make(name: str, **operands: int) -> Instruction:
    """An instruction from its operands; those left out are the least that is legal, but not < 0.

    Raises:
        ProgramError: There is no such instruction or field, or a value is out of its range.
    """
    form = _BY_NAME.get(name)
    if form is None:
        raise ProgramError(f"there is no instruction {name}", f"There are {', '.join(_BY_NAME)}.")
    unknown = operands.keys() - {field.name for field in form.fields}
    if unknown:
        names = ", ".join(field.name for field in form.fields) or "no operands"
        raise ProgramError(f"{name} has no operand {min(unknown)}", f"It has {names}.")
    values = {field.name: operands.get(field.name, max(field.least, 0)) for field in form.fields}
    _check(form, values)
    return Instruction(form, MappingProxyType(values))


def _check(form: Format, values: Mapping[str, int]) -> None:
    problems = [p for field in form.fields if (p := field.problem(values[field.name]))]
    if problems:
        raise ProgramError(f"{form.name}: {'; '.join(problems)}", "Give it a value in range.")


def encode(instruction: Instruction) -> bytes:
    """The 32 bytes of an instruction."""
    words = [instruction.form.opcode, *[0] * (_WORDS - 1)]
    for field in instruction.form.fields:
        words[field.word] |= (instruction[field.name] << field.bit) & field.mask
    return _WORD_FORMAT.pack(*words)


def decode(data: bytes) -> Instruction:
    """The instruction of 32 bytes.

    Raises:
        ProgramError: They are none: an unknown opcode, reserved bits that are not zero, or a field
            out of its range.
    """
    words = _WORD_FORMAT.unpack(data)
    form = _BY_OPCODE.get(words[0] & 0xFF)
    if form is None:
        raise ProgramError(f"opcode 0x{words[0] & 0xFF:02x} is no instruction")
    pairs = enumerate(zip(words, form.masks, strict=True))
    reserved = [number for number, (word, mask) in pairs if word & ~mask]
    if reserved:
        raise ProgramError(f"{form.name}: reserved bits of word {reserved[0]} are not zero")
    values = {}
    for field in form.fields:
        value = (words[field.word] & field.mask) >> field.bit
        values[field.name] = value - (1 << field.width) * (field.signed and value > field.most)
    _check(form, values)
    return Instruction(form, MappingProxyType(values))
