"""The way of a frame through a program: checked and timed before any data is touched.

No instruction decides anything by data, so every frame that starts at the same instruction goes
the same way, takes the same cycles and breaks the same rules.
"""

from __future__ import annotations

from bisect import insort
from collections.abc import Mapping
from dataclasses import dataclass, field

from tinydeploy.errors import ProgramError, TrapError
from tinydeploy.npu.cycles import PUBLISHED, Scoreboard, Timing
from tinydeploy.npu.effects import BrokenRuleError, Effects, Span, Unit, find_effects
from tinydeploy.npu.isa import INSTRUCTION_BYTES, Instruction, decode
from tinydeploy.npu.program import Program


@dataclass(frozen=True)
class Step:
    """An instruction on the way.

    Args:
        number: Of the instruction in the program.
        instruction: The instruction.
        start: Cycle in which it starts.
        finish: Cycle in which it has finished.
    """

    number: int
    instruction: Instruction
    start: int
    finish: int


@dataclass(frozen=True)
class Walk:
    """The way of a frame.

    Args:
        steps: All instructions, in order.
        cycles: From the image to the last result.
        busy: Cycles of work by unit.
        resume: Number of the WAIT with which the next frame starts; None behind a HALT.
    """

    steps: tuple[Step, ...]
    cycles: int
    busy: Mapping[Unit, int]
    resume: int | None


def decode_at(program: Program, number: int) -> Instruction:
    """An instruction of a program, by its number.

    Raises:
        BrokenRuleError: There is none of this number, or its encoding is illegal.
    """
    if number >= program.instruction_count:
        raise BrokenRuleError("there is no instruction: the program has ended without HALT or JUMP")
    at = number * INSTRUCTION_BYTES
    try:
        return decode(program.code[at : at + INSTRUCTION_BYTES])
    except ProgramError as error:
        raise BrokenRuleError(error.message) from error


@dataclass
class _Frame:
    """What is known of a frame on its way."""

    program: Program
    board: Scoreboard
    has_image: bool = False
    sent: int = 0
    began: int = 0
    seen: set[int] = field(default_factory=set)
    written: list[Span] = field(default_factory=list)  # in order, none on another

    def read(self, span: Span) -> None:
        """Some bytes are read: this frame must have written all of them."""
        at = span.begin
        for known in self.written:
            if known.begin <= at < known.end:
                at = known.end
        if at < span.end:
            raise BrokenRuleError(f"it reads 0x{at:05x}, which nothing in this frame has written")

    def write(self, span: Span) -> None:
        """Some bytes are written."""
        parts = [span]
        for known in self.written:
            if known.begin < span.begin:
                parts.append(Span(known.begin, min(known.end, span.begin)))
            if known.end > span.end:
                parts.append(Span(max(known.begin, span.end), known.end))
        self.written = []
        for part in parts:
            insort(self.written, part)

    def apply(self, effects: Effects) -> None:
        """The rules that depend on what this frame did before."""
        if effects.reads_image and not self.has_image:
            raise BrokenRuleError("it reads the image, for which no WAIT has waited")
        for source in effects.sources:
            self.read(source)
        if effects.result is not None:
            self.write(effects.result)

    def end(self) -> None:
        """The frame is over."""
        if self.sent != self.program.output_bytes:
            raise BrokenRuleError(
                f"the frame ends with {self.sent} bytes of results, "
                f"the header says {self.program.output_bytes}"
            )


def walk_frame(program: Program, first: int = 0, timing: Timing = PUBLISHED) -> Walk:
    """Follows a frame from its first instruction to the WAIT for the next image, or to HALT.

    Args:
        program: The program.
        first: Number of the instruction that it starts with.
        timing: Parameters of the cycle model.

    Raises:
        TrapError: An instruction breaks a rule; the message names it.
    """
    frame = _Frame(program, Scoreboard(timing))
    steps: list[Step] = []
    number = first
    while True:
        text = ""
        try:
            instruction = decode_at(program, number)
            text = f" ({instruction})"
            if instruction.name == "WAIT" and frame.has_image:
                frame.end()
                break
            steps.append(_take(frame, number, instruction, timing))
            if instruction.name == "HALT":
                frame.end()
                break
        except BrokenRuleError as reason:
            raise TrapError(f"instruction {number}{text} traps: {reason}", _ADVICE) from reason
        number = instruction["target"] if instruction.name == "JUMP" else number + 1
    resume = None if instruction.name == "HALT" else number
    cycles = frame.board.now - frame.began
    return Walk(tuple(steps), cycles, frame.board.busy, resume)


_ADVICE = "tinydeploy npu disasm shows the program; docs/tinynpu.md has the machine's rules."


def _take(frame: _Frame, number: int, instruction: Instruction, timing: Timing) -> Step:
    if number in frame.seen:
        raise BrokenRuleError("the program comes here again without having waited for an image")
    frame.seen.add(number)
    effects = find_effects(instruction, frame.program)
    frame.apply(effects)
    start, finish = frame.board.add(effects)
    if instruction.name == "WAIT":
        frame.has_image, frame.began = True, finish
    if instruction.name == "SEND":
        frame.sent += instruction["bytes"]
    if frame.board.now > timing.limit:
        raise BrokenRuleError(
            f"the frame takes more than {timing.limit:,} cycles: the watchdog ends it"
        )
    return Step(number, instruction, start, finish)
