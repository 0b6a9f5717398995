"""What gdb is told of the chip: its registers and memories, in XML (gdb manual, appendix G)."""

from __future__ import annotations

from tinydeploy.board import Board

# Bytes that gdb erases at once.
_BLOCKS = {"stm32h7": 0x20000, "stm32l4": 0x1000}
_SMALL_BLOCK = 0x4000
_REGISTERS = ((0x40000000, 0x20000000), (0xE0000000, 0x100000))

# gdb's registers in the order of its numbers: name, bits, type, and the debug unit's numbers for
# the halves; those of the masks share a word, and their byte in it follows.
_CORE = (
    *((f"r{n}", "uint32", (n,)) for n in range(13)),
    ("sp", "data_ptr", (13,)),
    ("lr", "code_ptr", (14,)),
    ("pc", "code_ptr", (15,)),
    ("xpsr", "uint32", (16,)),
)
_SYSTEM = (("msp", "data_ptr", (17,)), ("psp", "data_ptr", (18,)))
_FLOAT = (
    *((f"d{n}", "ieee_double", (64 + 2 * n, 65 + 2 * n)) for n in range(16)),
    ("fpscr", "uint32", (33,)),
)
# By gdb's number: the debug unit's numbers of the words that make up a register.
REGISTERS: tuple[tuple[int, ...], ...] = tuple(
    words for group in (_CORE, _SYSTEM, _FLOAT) for _, _, words in group
)


def describe_target() -> str:
    """The registers."""
    features = (
        ("org.gnu.gdb.arm.m-profile", _CORE),
        ("org.gnu.gdb.arm.m-system", _SYSTEM),
        ("org.gnu.gdb.arm.vfp", _FLOAT),
    )
    lines = ['<?xml version="1.0"?>', '<!DOCTYPE target SYSTEM "gdb-target.dtd">']
    lines += ["<target>", "<architecture>armv7e-m</architecture>"]
    for name, registers in features:
        lines.append(f'<feature name="{name}">')
        lines += [
            f'<reg name="{register}" bitsize="{32 * len(words)}" type="{kind}"/>'
            for register, kind, words in registers
        ]
        lines.append("</feature>")
    return "\n".join([*lines, "</target>"])


def describe_memories(board: Board) -> str:
    """The memories; gdb erases and programs flash, and sets hardware breakpoints there."""
    lines = ['<?xml version="1.0"?>']
    lines.append(
        '<!DOCTYPE memory-map PUBLIC "+//IDN gnu.org//DTD GDB Memory Map V1.0//EN"'
        ' "http://sourceware.org/gdb/gdb-memory-map.dtd">'
    )
    lines.append("<memory-map>")
    block = _BLOCKS.get(board.family, _SMALL_BLOCK)
    for memory in board.memories:
        place = f'start="{memory.address:#x}" length="{memory.size:#x}"'
        if memory == board.code_memory and "w" not in memory.access:
            size = f'<property name="blocksize">{block:#x}</property>'
            lines.append(f'<memory type="flash" {place}>{size}</memory>')
        else:
            kind = "ram" if "w" in memory.access else "rom"
            lines.append(f'<memory type="{kind}" {place}/>')
    lines += [
        f'<memory type="ram" start="{first:#x}" length="{size:#x}"/>' for first, size in _REGISTERS
    ]
    return "\n".join([*lines, "</memory-map>"])
