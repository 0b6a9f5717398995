"""What the machine forbids traps, and the message names the instruction and the rule."""

from __future__ import annotations

import struct
import zlib

import numpy as np
import pytest

from tinydeploy.errors import ProgramError, TrapError
from tinydeploy.npu.assembler import assemble
from tinydeploy.npu.machine import Machine
from tinydeploy.npu.program import HEADER_BYTES, Program, parse_program

IMAGE = 64
HEAD = f".image {IMAGE}\n.output 64\n"
TABLES = """
.constants
one:
    .norm 1 0 -128 127
    .align
half:
    .sum 0.5 0.5 0 -128 127
wrong:
    .norm 1 0 3 2
    .align
endless:
    .bytes 0000807f000000008000000000000000
nothing:
    .bytes 0000c07f000000008000000000000000
large:
    .norm 0x1.000002p64 0 0 0
    .align
large_sums:
    .sum 1 -0x1.000002p64 0 0 0
weights:
    .bytes 01000000000000000000000000000000
"""
SIZE = "height=8 width=8 channels=1"
WINDOW = "kernel_h=3 kernel_w=3 top=1 left=1 bottom=1 right=1"
PACK = f"PACK dst=0x01000 {SIZE}"


def build(*code: str, head: str = HEAD) -> Program:
    return assemble(head + "\n".join(code) + TABLES)


def run(program: Program) -> bytes:
    machine = Machine()
    machine.load(program.data)
    return machine.run(bytes(range(IMAGE))).outputs


def test_control_goes_from_wait_to_wait() -> None:
    code = (
        "JUMP target=first",
        "HALT",
        "first:",
        "WAIT",
        PACK,
        f"UNPACK src=0x1000 dst=0x2000 {SIZE}",
    )
    program = build(
        *code, "SEND src=0x2000 bytes=10", "SEND src=0x200a bytes=54", "JUMP target=first"
    )
    with pytest.raises(TrapError, match="0x0200a is no multiple of 16"):
        run(program)
    program = build(
        *code, "SEND src=0x2000 bytes=16", "SEND src=0x2010 bytes=48", "JUMP target=first"
    )
    assert run(program) == bytes(range(IMAGE))


def test_a_halted_machine_takes_no_image() -> None:
    code = (
        "WAIT",
        PACK,
        f"UNPACK src=0x1000 dst=0x2000 {SIZE}",
        "SEND src=0x2000 bytes=64",
        "HALT",
    )
    machine = Machine()
    machine.load(build(*code).data)
    assert machine.run(bytes(range(IMAGE))).outputs == bytes(range(IMAGE))
    with pytest.raises(ProgramError, match="has halted"):
        machine.run(bytes(IMAGE))
    machine.load(build(*code).data)
    assert machine.run(bytes(range(IMAGE))).outputs == bytes(range(IMAGE))


def test_sums_in_place() -> None:
    code = (
        "WAIT", PACK,
        f"ADD src=0x1000 other=0x1000 dst=0x1000 table=@half {SIZE}",
        f"UNPACK src=0x1000 dst=0x2000 {SIZE}", "SEND src=0x2000 bytes=64", "HALT",
    )  # fmt: skip
    assert run(build(*code)) == bytes(range(IMAGE))


CONV = f"src=0x1000 dst=0x2000 weights=@weights table=@one {SIZE}"
TRAPS = {
    "no WAIT": ([PACK], "instruction 0 (PACK", "it reads the image, for which no WAIT has"),
    "wrong image": (
        ["WAIT", "PACK dst=0x1000 height=8 width=4 channels=1"],
        "instruction 1 (PACK",
        "the image has 64 bytes, not 8x4x1",
    ),
    "nothing written": (
        ["WAIT", "SEND src=0x3000 bytes=64"],
        "instruction 1 (SEND",
        "0x03000, which nothing",
    ),
    "partly written": (
        ["WAIT", PACK, "MEAN src=0x1000 dst=0x3000 table=@one height=9 width=8 channels=1"],
        "instruction 2 (MEAN",
        "0x01400, which nothing in this frame has written",
    ),
    "outside": (
        ["WAIT", f"PACK dst=0xf7f00 {SIZE}"],
        "instruction 1 (PACK",
        "outside of the memory",
    ),
    "on constants": (
        ["WAIT", f"PACK dst=0x00040 {SIZE}"],
        "instruction 1",
        "among code and constants",
    ),
    "odd address": (
        ["WAIT", f"PACK dst=0x01008 {SIZE}"],
        "instruction 1",
        "0x01008 is no multiple of 16",
    ),
    "hazard": (
        ["WAIT", PACK, f"UNPACK src=0x1000 dst=0x1010 {SIZE}"],
        "instruction 2 (UNPACK",
        "the result lies on a source",
    ),
    "half in place": (
        ["WAIT", PACK, f"NORM src=0x1000 dst=0x1010 table=@one {SIZE}"],
        "instruction 2 (NORM",
        "the result lies on a source",
    ),
    "too large a map": (
        ["WAIT", PACK, "NORM src=0x1000 dst=0x40000 table=@one height=91 width=91 channels=1"],
        "instruction 2 (NORM",
        "takes 132,496 bytes, a feature map has at most 131,072",
    ),
    "too large a window": (
        ["WAIT", PACK, f"MAXPOOL src=0x1000 dst=0x2000 {SIZE} kernel_h=9 kernel_w=1"],
        "instruction 2 (MAXPOOL",
        "larger than the source and its padding",
    ),
    "padding alone": (
        ["WAIT", PACK, f"MAXPOOL src=0x1000 dst=0x2000 {SIZE} kernel_h=2 kernel_w=2 top=2"],
        "instruction 2 (MAXPOOL",
        "the padding is as large as the window",
    ),
    "too large a pool": (
        ["WAIT", f"STEM dst=0x1000 weights=@weights table=@one {SIZE} outputs=1 pool=9"],
        "instruction 1 (STEM",
        "the pool of 9 is larger",
    ),
    "weights elsewhere": (
        ["WAIT", PACK, f"CONV {CONV.replace('@weights', '0x1000')} outputs=1"],
        "instruction 2 (CONV",
        "the weights, 256 bytes at 0x01000, reach beyond the constants",
    ),
    "weights beyond": (
        ["WAIT", PACK, f"DWCONV {CONV} {WINDOW}"],
        "instruction 2 (DWCONV",
        "the weights, 144 bytes at",
    ),
    "bounds the wrong way": (
        ["WAIT", PACK, f"DWCONV {CONV.replace('@one', '@wrong')}"],
        "instruction 2 (DWCONV",
        "the table holds a record that is none",
    ),
    "endless scale": (
        ["WAIT", PACK, f"DWCONV {CONV.replace('@one', '@endless')}"],
        "instruction 2 (DWCONV",
        "the table holds a number that is none, or beyond 2^64",
    ),
    "no number": (
        ["WAIT", PACK, f"DWCONV {CONV.replace('@one', '@nothing')}"],
        "instruction 2 (DWCONV",
        "the table holds a number that is none, or beyond 2^64",
    ),
    "large scale": (
        ["WAIT", PACK, f"DWCONV {CONV.replace('@one', '@large')}"],
        "instruction 2 (DWCONV",
        "the table holds a number that is none, or beyond 2^64",
    ),
    "large scale of a sum": (
        ["WAIT", PACK, f"ADD src=0x1000 other=0x1000 dst=0x2000 table=@large_sums {SIZE}"],
        "instruction 2 (ADD",
        "the table holds a number that is none, or beyond 2^64",
    ),
    "no end": (["WAIT"], "instruction 1 traps", "ended without HALT or JUMP"),
    "jump beyond": (["WAIT", "JUMP target=77"], "instruction 77 traps", "there is no instruction"),
    "loop": (["WAIT", "JUMP target=2", "JUMP target=1"], "instruction 1 (JUMP", "comes here again"),
    "loop without an image": (["JUMP target=0"], "instruction 0 (JUMP", "comes here again"),
    "too few results": (
        ["WAIT", "JUMP target=0"],
        "instruction 0 (WAIT)",
        "with 0 bytes of results",
    ),
    "too few at HALT": (["WAIT", "HALT"], "instruction 1 (HALT)", "the header says 64"),
}


@pytest.mark.parametrize("name", TRAPS)
def test_traps(name: str) -> None:
    code, where, why = TRAPS[name]
    machine = Machine()
    machine.load(build(*code).data)
    for _ in range(2):  # a trap leaves nothing behind
        with pytest.raises(TrapError) as caught:
            machine.run(bytes(range(IMAGE)))
        assert caught.value.message.startswith(where), caught.value.message
        assert why in caught.value.message


def test_illegal_encodings_trap_where_they_stand() -> None:
    program = build("WAIT", PACK, "HALT")
    code = bytearray(program.code)
    code[32 + 31] = 0x80
    damaged = Program(bytes(code), program.constants, IMAGE, 64)
    with pytest.raises(TrapError, match="instruction 1 traps: PACK: reserved bits of word 7"):
        run(damaged)


def test_the_watchdog_ends_a_frame() -> None:
    big = "height=90 width=90 channels=16"
    window = "kernel_h=15 kernel_w=15 top=7 left=7 bottom=7 right=7"
    maps = ("0x40000", "0x60000")
    pools = [f"MAXPOOL src={a} dst={b} {big} {window}" for a, b in (maps, maps[::-1])]
    head = ".image 129600\n.output 64\n"
    program = build("WAIT", f"PACK dst=0x40000 {big}", *pools * 10, head=head)
    machine = Machine()
    machine.load(program.data)
    with pytest.raises(TrapError, match=r"more than 25,000,000 cycles: the watchdog"):
        machine.run(bytes(129600))


def test_results_saturate() -> None:
    code = ("WAIT", PACK, f"NORM src=0x1000 dst=0x1000 table=@huge {SIZE}")
    end = (f"UNPACK src=0x1000 dst=0x2000 {SIZE}", "SEND src=0x2000 bytes=64", "HALT")
    tables = TABLES + "huge:\n    .norm 1e19 0 -100 99\n    .align\n"
    machine = Machine()
    machine.load(assemble(HEAD + "\n".join([*code, *end]) + tables).data)
    image = np.arange(-32, 32, dtype=np.int8)
    results = np.frombuffer(machine.run(image.tobytes()).outputs, np.int8)
    assert results.tolist() == [-100] * 32 + [0] + [99] * 31


def test_no_program_and_wrong_images_are_refused() -> None:
    machine = Machine()
    with pytest.raises(ProgramError, match="no program is loaded"):
        machine.run(bytes(IMAGE))
    machine.load(build("WAIT", "HALT").data)
    with pytest.raises(ProgramError, match="the image has 63 bytes, the program takes 64"):
        machine.run(bytes(IMAGE - 1))
    with pytest.raises(ProgramError):
        machine.load(b"TNPU")
    with pytest.raises(ProgramError, match="no program is loaded"):
        machine.run(bytes(IMAGE))


def seal(data: bytes) -> bytes:
    """A damaged program with a right CRC."""
    return data[:8] + struct.pack("<I", zlib.crc32(data[:8] + bytes(4) + data[12:])) + data[12:]


@pytest.mark.parametrize(
    ("offset", "value", "message"),
    [
        (0, b"TNPV", "no TinyNPU program"),
        (4, b"\x02\x00", "format 2 and instruction set 1"),
        (6, b"\x02\x00", "format 1 and instruction set 2"),
        (12, b"\x00\x00\x00\x00", "its header says 0"),
        (16, b"\xff\xff\xff\xff", "contradicts itself"),
        (16, b"\x21\x00\x00\x00", "33 bytes of code"),
        (16, b"\x00\x00\x00\x00", "0 bytes of code"),
        (20, b"\x00\x00\x00\x00", "contradicts itself"),
        (24, b"\x00\x00\x00\x00", "an image of 0 bytes"),
        (24, b"\x01\x00\x04\x00", "an image of 262145 bytes"),
        (28, b"\x00\x00\x00\x00", "results of 0 bytes"),
        (28, b"\x01\x00\x02\x00", "results of 131073 bytes"),
        (32, b"\x01", "contradicts itself"),
        (63, b"\x01", "contradicts itself"),
    ],
)
def test_headers_are_checked(offset: int, value: bytes, message: str) -> None:
    data = build("WAIT", "HALT").data
    damaged = data[:offset] + value + data[offset + len(value) :]
    with pytest.raises(ProgramError):
        parse_program(damaged)
    with pytest.raises(ProgramError, match=message):
        parse_program(seal(damaged))


def test_every_damaged_bit_is_found() -> None:
    data = build("WAIT", PACK, "HALT").data
    for bit in range(8 * len(data)):
        damaged = bytearray(data)
        damaged[bit // 8] ^= 1 << bit % 8
        with pytest.raises(ProgramError):
            parse_program(bytes(damaged))
    for length in (0, 3, HEADER_BYTES - 1, HEADER_BYTES, len(data) - 1):
        with pytest.raises(ProgramError):
            parse_program(data[:length])
    with pytest.raises(ProgramError):
        parse_program(data + b"\0")


def test_a_file_and_its_program_are_one() -> None:
    program = build("WAIT", PACK, "HALT")
    assert parse_program(program.data) == program
    assert program.identity == struct.unpack_from("<I", program.data, 8)[0]
