"""Text to program and back: nothing is lost, and errors name the line."""

from __future__ import annotations

import numpy as np
import pytest
from npu_nets import compile_model, draw_image, run_machine, small_etinynet

from tinydeploy.errors import ProgramError
from tinydeploy.npu.assembler import assemble
from tinydeploy.npu.disassembler import disassemble
from tinydeploy.npu.isa import INSTRUCTION_BYTES
from tinydeploy.npu.machine import Machine
from tinydeploy.npu.program import Program

INVERT = """
.image 48                  ; 4 x 4 pixels of 3 channels
.output 48
start:
    WAIT
    PACK dst=@free height=4 width=4 channels=3
    NORM src=@free dst=@free+0x100 table=@minus height=4 width=4 channels=3
    UNPACK src=@free+0x100 dst=@free height=4 width=4 channels=3
    SEND src=@free bytes=48
    JUMP target=start
.constants
minus:
    .norm -1 -1 -128 127
    .norm -0x1p+0 -1.0 -128 127
    .norm -1e0 -1 -128 127
"""


def test_a_program_by_hand_runs() -> None:
    machine = Machine()
    machine.load(assemble(INVERT).data)
    image = np.arange(-24, 24, dtype=np.int8)
    for _ in range(2):
        assert machine.run(image.tobytes()).outputs == (~image).tobytes()


def test_round_trip_of_a_compiled_program() -> None:
    graph, compiled = compile_model(small_etinynet())
    text = disassemble(compiled.program)
    again = assemble(text)
    assert again == compiled.program
    assert again.data == compiled.program.data
    assert disassemble(again) == text
    for word in ("STEM", "DWCONV", "ADD", "MEAN", ".norm", ".sum", ".bytes", ".align"):
        assert word in text
    assert run_machine(compiled, draw_image(graph, 0))


def test_tables_on_each_other_are_shown_as_they_are() -> None:
    """Whatever the instructions claim, the text gives the same bytes."""
    lines = [
        line.replace("@minus", "@minus+16") if "NORM" in line else line
        for line in INVERT.splitlines()
    ]
    odd = assemble("\n".join([*lines, "    .bytes ffffffff00"]))
    assert assemble(disassemble(odd)) == odd
    code = assemble(INVERT).code
    damaged = Program(code, b"\xff" * 48, 48, 48)
    assert ".bytes" in disassemble(damaged)
    assert assemble(disassemble(damaged)) == damaged


@pytest.mark.parametrize(
    ("old", "new", "message"),
    [
        ("    WAIT", "    PAUSE", "line 5: there is no instruction PAUSE"),
        ("channels=3", "fre=1", "line 6: PACK has no operand fre"),
        ("height=4", "height=65536", "line 6: PACK: height is 65536, not 1 to 65535"),
        ("height=4", "height", "line 6: 'height' is no operand"),
        ("height=4 width=4 channels=3", "height=0", "line 6: PACK: height is 0"),
        ("table=@minus", "table=@plus", "line 7: there is no label plus"),
        ("bytes=48", "bytes=many", "line 9: 'many' is no number"),
        ("bytes=48", "bytes=4 bytes=8", "line 9: 'bytes=8' is no operand, or is there twice"),
        ("target=start", "target=stop", "line 10: 'stop' is no number"),
        ("minus:", "start:", "line 12: there is a label start already"),
        ("minus:", "minus: .bytes 00", "line 12: a label stands on a line of its own"),
        ("minus:", "2minus:", "line 12: '2minus' cannot be a label"),
        (".norm -1 -1 -128 127", ".norm -1 -1 -128", "line 13: a record has 4 numbers"),
        (".norm -1 -1 -128 127", ".norm -1 x -128 127", "line 13: a record's scales"),
        (".norm -1 -1 -128 127", ".norm 1e60 1 -128 127", "line 13: a record's scales"),
        (".norm -1 -1 -128 127", ".norm -1 -1 -129 127", "line 13: a record's scales"),
        (".norm -1 -1 -128 127", ".bytes 0", "line 13: bytes are pairs"),
        (".norm -1 -1 -128 127", "HALT", "line 13: HALT is no constant"),
        (".norm -1 -1 -128 127", ".words 1", "line 13: there is no directive .words"),
        (".constants", ".align", "line 11: .align belongs behind .constants"),
        (".output 48", ".output", "line 3: .output stands here a second time, or with words"),
        (".output 48", "", "the program has no .output"),
        (".image 48", "", "the program has no .image"),
        (".image 48", ".image 0", "has an image of 0 bytes"),
    ],
)
def test_errors_name_the_line(old: str, new: str, message: str) -> None:
    assert old in INVERT
    with pytest.raises(ProgramError) as caught:
        assemble(INVERT.replace(old, new, 1))
    assert message in caught.value.message


def test_code_is_as_long_as_its_instructions() -> None:
    assert assemble(INVERT).instruction_count == 6
    assert len(assemble(INVERT).code) == 6 * INSTRUCTION_BYTES
