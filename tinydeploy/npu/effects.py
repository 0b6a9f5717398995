"""What an instruction reads and writes, and the rules that it must keep.

Operands are all in the instruction, so everything here is known before any data is.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Literal, NamedTuple

import numpy as np
from numpy.typing import NDArray

from tinydeploy.npu.isa import FEATURE_LIMIT, LANES, MEMORY_BYTES, Instruction
from tinydeploy.npu.layout import LARGEST, NORM, SUM, count_blocks, feature_bytes
from tinydeploy.npu.program import Program

Unit = Literal["conv", "depthwise", "tensor"]


class BrokenRuleError(Exception):
    """Why an instruction traps: what a TrapError is made of."""


class Span(NamedTuple):
    """Bytes [begin, end) of the memory."""

    begin: int
    end: int

    def overlaps(self, other: Span) -> bool:
        """Whether both hold a byte."""
        return self.begin < other.end and other.begin < self.end


class Size(NamedTuple):
    """Height, width and channels of a feature map."""

    height: int
    width: int
    channels: int

    @property
    def pixels(self) -> int:
        """Height times width."""
        return self.height * self.width


_ONE = Size(1, 1, 1)


@dataclass(frozen=True)
class Effects:
    """What an instruction does to the memory, and how much work that is.

    Args:
        unit: Which unit works; None for control.
        sources: Feature maps read, or results sent.
        result: Feature map written.
        reads_image: It reads the image.
        source_size: Of the feature maps read.
        windows: Size of what its windows make, before any pool; the result's without windows.
        taps: Height and width of its windows.
    """

    unit: Unit | None = None
    sources: tuple[Span, ...] = ()
    result: Span | None = None
    reads_image: bool = False
    source_size: Size = _ONE
    windows: Size = _ONE
    taps: tuple[int, int] = (1, 1)


def source_size(instruction: Instruction) -> Size:
    """Size of what a tensor or neural instruction reads."""
    return Size(instruction["height"], instruction["width"], instruction["channels"])


def window_size(instruction: Instruction) -> Size:
    """Size of what the windows of an instruction make.

    Raises:
        BrokenRuleError: There is no place for one window, or one would lie on padding alone.
    """
    kernel = instruction["kernel_h"], instruction["kernel_w"]
    before = instruction["top"], instruction["left"]
    after = instruction["bottom"], instruction["right"]
    stride = instruction["stride_h"], instruction["stride_w"]
    size = source_size(instruction)
    sizes = []
    for axis in (0, 1):
        if max(before[axis], after[axis]) >= kernel[axis]:
            raise BrokenRuleError("the padding is as large as the window")
        room = size[axis] + before[axis] + after[axis] - kernel[axis]
        if room < 0:
            raise BrokenRuleError("the window is larger than the source and its padding")
        sizes.append(room // stride[axis] + 1)
    outputs = instruction.operands.get("outputs", size.channels)
    return Size(sizes[0], sizes[1], outputs)


def result_size(instruction: Instruction) -> Size:
    """Size of what a tensor or neural instruction writes.

    Raises:
        BrokenRuleError: As `window_size`, or the pool is larger than what it pools.
    """
    size = source_size(instruction)
    if instruction.name == "MEAN":
        return Size(1, 1, size.channels)
    if "kernel_h" not in instruction.operands:
        return size
    windows = window_size(instruction)
    pool = instruction.operands.get("pool", 1)
    pooled = Size(windows.height // pool, windows.width // pool, windows.channels)
    if pooled.pixels == 0:
        raise BrokenRuleError(f"the pool of {pool} is larger than what it pools")
    return pooled


def find_effects(instruction: Instruction, program: Program) -> Effects:
    """What an instruction of a program does.

    Raises:
        BrokenRuleError: It breaks a rule of the machine, whatever the data.
    """
    if instruction.name == "SEND":
        sent = _writable(instruction["src"], instruction["bytes"], program, "the results lie")
        return Effects(sources=(sent,))
    if instruction.form.kind == "control":
        return Effects()
    size, made = source_size(instruction), result_size(instruction)
    image = instruction.name in ("STEM", "PACK")
    sources = () if image else tuple(_sources(instruction, size, program))
    if image and size.pixels * size.channels != program.image_bytes:
        raise BrokenRuleError(f"the image has {program.image_bytes} bytes, not {_show(size)}")
    length = _result_bytes(instruction, made)
    result = _writable(instruction["dst"], length, program, "the result lies")
    in_place = instruction.name in ("NORM", "ADD")
    for source in sources:
        if source.overlaps(result) and not (in_place and source == result):
            raise BrokenRuleError("the result lies on a source that is still being read")
    _check_constants(instruction, program)
    windows = "kernel_h" in instruction.operands
    return Effects(
        unit=_unit(instruction),
        sources=sources,
        result=result,
        reads_image=image,
        source_size=size,
        windows=window_size(instruction) if windows else made,
        taps=(instruction["kernel_h"], instruction["kernel_w"]) if windows else (1, 1),
    )


def _unit(instruction: Instruction) -> Unit:
    if instruction.form.kind == "tensor":
        return "tensor"
    return "depthwise" if instruction.name == "DWCONV" else "conv"


def _show(size: Size) -> str:
    return "x".join(map(str, size))


def _sources(instruction: Instruction, size: Size, program: Program) -> Iterator[Span]:
    length = _feature(size, "source")
    for name in ("src", "other"):
        if name in instruction.operands:
            yield _writable(instruction[name], length, program, "a source lies")


def _result_bytes(instruction: Instruction, size: Size) -> int:
    length = _feature(size, "result")
    return size.pixels * size.channels if instruction.name == "UNPACK" else length


def _feature(size: Size, what: str) -> int:
    length = feature_bytes(*size)
    if length > FEATURE_LIMIT:
        raise BrokenRuleError(
            f"the {what} of {_show(size)} takes {length:,} bytes, a feature map has at most "
            f"{FEATURE_LIMIT:,}"
        )
    return length


def _writable(address: int, length: int, program: Program, what: str) -> Span:
    span = Span(address, address + length)
    if address % LANES:
        raise BrokenRuleError(f"0x{address:05x} is no multiple of {LANES}")
    if address < program.static_bytes:
        raise BrokenRuleError(f"{what} among code and constants, at 0x{address:05x}")
    if span.end > MEMORY_BYTES:
        raise BrokenRuleError(f"{what} outside of the memory, 0x{address:05x} to 0x{span.end:05x}")
    return span


def weight_bytes(instruction: Instruction) -> int:
    """Bytes of the weights that an instruction reads."""
    taps = instruction["kernel_h"] * instruction["kernel_w"]
    channels = instruction["channels"]
    if instruction.name == "DWCONV":
        return count_blocks(channels) * taps * LANES
    results = count_blocks(instruction["outputs"])
    if instruction.name == "STEM":
        return results * taps * channels * LANES
    return results * taps * count_blocks(channels) * LANES * LANES


def table_shape(instruction: Instruction) -> tuple[int, np.dtype[np.void]]:
    """Number and kind of the records of an instruction's table."""
    if instruction.name == "ADD":
        return 1, SUM
    if instruction.name == "MEAN":
        return 1, NORM
    return instruction.operands.get("outputs", instruction["channels"]), NORM


def read_table(instruction: Instruction, program: Program) -> NDArray[np.void]:
    """The normalization table of an instruction: of NORM, by channel, or a single record.

    Raises:
        BrokenRuleError: It lies elsewhere than among the constants, or is none.
    """
    count, kind = table_shape(instruction)
    data = read_constants(program, instruction["table"], count * kind.itemsize, "the records")
    table = np.frombuffer(data, kind)
    numbers = [name for name in kind.names or () if name.startswith(("scale", "offset"))]
    if not all((abs(table[name]) <= LARGEST).all() for name in numbers):  # nor a NaN
        raise BrokenRuleError("the table holds a number that is none, or beyond 2^64")
    if (table["low"] > table["high"]).any() or table["zeros"].any():
        raise BrokenRuleError("the table holds a record that is none")
    return table


def read_constants(program: Program, address: int, length: int, what: str) -> bytes:
    """Bytes of a program's constants.

    Raises:
        BrokenRuleError: They lie elsewhere.
    """
    begin = address - len(program.code)
    if address % LANES:
        raise BrokenRuleError(f"0x{address:05x} is no multiple of {LANES}")
    if begin < 0 or begin + length > len(program.constants):
        raise BrokenRuleError(
            f"{what}, {length} bytes at 0x{address:05x}, reach beyond the constants, "
            f"0x{len(program.code):05x} to 0x{program.static_bytes:05x}"
        )
    return program.constants[begin : begin + length]


def _check_constants(instruction: Instruction, program: Program) -> None:
    if "weights" in instruction.operands:
        length = weight_bytes(instruction)
        read_constants(program, instruction["weights"], length, "the weights")
    if "table" in instruction.operands:
        read_table(instruction, program)
