"""From a program to text that the assembler turns into the same bytes again."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np
from numpy.typing import NDArray

from tinydeploy.npu.effects import table_shape
from tinydeploy.npu.isa import INSTRUCTION_BYTES, Instruction, decode
from tinydeploy.npu.layout import NORM, SUM, align
from tinydeploy.npu.program import Program

_BYTES_A_LINE = 32
_Table = tuple[int, int, np.dtype[np.void]]


def disassemble(program: Program) -> str:
    """The program as text: instructions, then constants.

    Args:
        program: Any program that `parse_program` takes.

    Raises:
        ProgramError: One of its instructions has no legal encoding.
    """
    starts = range(0, len(program.code), INSTRUCTION_BYTES)
    code = [decode(program.code[at : at + INSTRUCTION_BYTES]) for at in starts]
    lines = [
        f"; identity 0x{program.identity:08x}",
        f".image {program.image_bytes}",
        f".output {program.output_bytes}",
        *(f"    {instruction}  ; {number}" for number, instruction in enumerate(code)),
    ]
    if program.constants:
        lines += [".constants", *_list_constants(program, _find_tables(program, code))]
    return "\n".join(lines) + "\n"


def _find_tables(program: Program, code: list[Instruction]) -> list[_Table]:
    """Tables that instructions name, in order, none on another: offset, records, kind."""
    found = set()
    for instruction in code:
        if "table" in instruction.operands:
            count, kind = table_shape(instruction)
            found.add((instruction["table"] - len(program.code), count, kind))
    tables: list[_Table] = []
    end = 0
    for offset, count, kind in sorted(found, key=lambda table: (table[0], -table[1])):
        length = count * kind.itemsize
        if offset >= end and offset + length <= len(program.constants):
            tables.append((offset, count, kind))
            end = offset + length
    return tables


def _list_constants(program: Program, tables: list[_Table]) -> Iterator[str]:
    at = 0
    for offset, count, kind in tables:
        yield from _list_bytes(program, at, offset)
        at = offset + count * kind.itemsize
        data = program.constants[offset:at]
        lines = list(_list_records(np.frombuffer(data, kind)))
        if lines:
            yield f"; 0x{len(program.code) + offset:05x}: table"
            yield from lines
        else:
            yield from _list_bytes(program, offset, at)
        padding = align(at) - at
        if padding and not any(program.constants[at : at + padding]):
            yield "    .align"
            at += padding
    yield from _list_bytes(program, at, len(program.constants))


def _list_bytes(program: Program, begin: int, end: int) -> Iterator[str]:
    if begin < end:
        yield f"; 0x{len(program.code) + begin:05x}: {end - begin} bytes"
    for at in range(begin, end, _BYTES_A_LINE):
        yield f"    .bytes {program.constants[at : min(at + _BYTES_A_LINE, end)].hex()}"


def _list_records(table: NDArray[np.void]) -> list[str]:
    """A table in numbers; nothing where these would not give its bytes again."""
    if table["zeros"].any():
        return []
    lines = []
    for record in table:
        scales = np.atleast_1d(record["scale" if table.dtype == NORM else "scales"])
        numbers = [*scales, record["offset"]]
        if not np.isfinite(numbers).all():
            return []
        words = [float(number).hex() for number in numbers]
        name = ".sum" if table.dtype == SUM else ".norm"
        shown = " ".join(f"{number:.6g}" for number in numbers)
        lines.append(f"    {name} {' '.join(words)} {record['low']} {record['high']}  ; {shown}")
    return lines
