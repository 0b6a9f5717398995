"""Whatever the bytes of a program: it is refused, or it runs within its bounds."""

from __future__ import annotations

import random

import numpy as np
import pytest
from npu_nets import compile_model, draw_image, small_etinynet
from test_npu_machine import seal

from tinydeploy.errors import ProgramError, TrapError
from tinydeploy.npu.assembler import assemble
from tinydeploy.npu.cycles import PUBLISHED
from tinydeploy.npu.disassembler import disassemble
from tinydeploy.npu.isa import FORMATS, INSTRUCTION_BYTES, encode, make
from tinydeploy.npu.machine import Machine
from tinydeploy.npu.program import HEADER_BYTES, Program, parse_program

ADDRESSES = {"src", "other", "dst", "weights", "table"}


def check_bounds(data: bytes) -> str:
    """Loads and runs; says how that ended."""
    machine = Machine()
    try:
        machine.load(data)
    except ProgramError:
        return "refused"
    program = parse_program(data)
    try:
        frame = machine.run(bytes(program.image_bytes))
    except TrapError as error:
        assert error.message.startswith("instruction ")
        return "trapped"
    assert len(frame.outputs) == program.output_bytes
    assert 0 < frame.cycles <= PUBLISHED.limit
    return "ran"


@pytest.fixture(scope="module")
def compiled() -> Program:
    return compile_model(small_etinynet(channels=1))[1].program


def test_bits_that_change_on_the_way_are_refused(compiled: Program) -> None:
    rng = random.Random(1)
    for _ in range(300):
        data = bytearray(compiled.data)
        for _ in range(rng.choice((1, 1, 2, 30))):
            bit = rng.randrange(8 * len(data))
            data[bit // 8] ^= 1 << bit % 8
        if bytes(data) != compiled.data:
            assert check_bounds(bytes(data)) == "refused"


def test_bits_changed_on_purpose_stay_within_bounds(compiled: Program) -> None:
    """With a CRC that is right again, most of them trap or run."""
    rng = random.Random(2)
    ends = {"refused": 0, "trapped": 0, "ran": 0}
    for _ in range(150):
        data = bytearray(compiled.data)
        header_and_code = HEADER_BYTES + len(compiled.code)
        bit = rng.randrange(8 * (header_and_code if rng.random() < 0.9 else len(data)))
        data[bit // 8] ^= 1 << bit % 8
        ends[check_bounds(seal(bytes(data)))] += 1
    assert min(ends.values()) > 5


def test_random_instructions_stay_within_bounds() -> None:
    """Legal operands, drawn near each other, in no sensible order."""
    rng = random.Random(3)
    ends = {"refused": 0, "trapped": 0, "ran": 0}
    for _ in range(300):
        code = [make("WAIT")]
        for _ in range(rng.randrange(1, 8)):
            form = rng.choice(FORMATS)
            operands = {}
            for field in form.fields:
                small = rng.randint(field.least, min(field.most, 4))
                address = 16 * rng.randrange(0, 300)
                operands[field.name] = address if field.name in ADDRESSES else small
            code.append(make(form.name, **operands))
        code.append(make("HALT"))
        constants = rng.randbytes(16 * rng.randrange(0, 60)) if rng.random() < 0.5 else bytes(960)
        raw = b"".join(map(encode, code))
        ends[check_bounds(Program(raw, constants, rng.randint(1, 64), 16).data)] += 1
    assert ends["refused"] == 0
    assert ends["trapped"] > 200


def test_noise_is_refused() -> None:
    rng = random.Random(4)
    for length in (0, 1, HEADER_BYTES, 500):
        assert check_bounds(rng.randbytes(length)) == "refused"
        assert check_bounds(seal(b"TNPU\x01\x00\x01\x00" + rng.randbytes(length + 4))) == "refused"


def test_a_damaged_program_can_still_be_looked_at(compiled: Program) -> None:
    """Its text gives its bytes again, or an instruction in it is none."""
    rng = random.Random(5)
    shown = 0
    for _ in range(40):
        code = bytearray(compiled.code)
        bit = rng.randrange(8 * len(code))
        code[bit // 8] ^= 1 << bit % 8
        damaged = Program(bytes(code), compiled.constants, compiled.image_bytes, 10)
        try:
            text = disassemble(damaged)
        except ProgramError:
            continue
        assert assemble(text) == damaged
        shown += 1
    assert shown > 10
    assert len(compiled.code) % INSTRUCTION_BYTES == 0


def test_images_of_all_values_run(compiled: Program) -> None:
    machine = Machine()
    machine.load(compiled.data)
    for value in (-128, 0, 127):
        image = np.full(compiled.image_bytes, value, np.int8)
        assert len(machine.run(image.tobytes()).outputs) == compiled.output_bytes
    graph, again = compile_model(small_etinynet(channels=1))
    assert again.program == compiled
    assert draw_image(graph, 0).size == compiled.image_bytes
