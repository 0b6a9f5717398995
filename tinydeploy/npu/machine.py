"""The behavioural simulator: TinyNPU as an `Accelerator`, exact to the bit."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from tinydeploy.errors import ProgramError
from tinydeploy.npu.cycles import PUBLISHED, Timing
from tinydeploy.npu.device import Frame
from tinydeploy.npu.isa import MEMORY_BYTES, Instruction
from tinydeploy.npu.kernels import Kernel, make_kernel
from tinydeploy.npu.program import Program, parse_program
from tinydeploy.npu.walk import Walk, walk_frame


@dataclass(frozen=True)
class _Route:
    """A frame's way, and the work on it: kernels and, for SEND, what is sent."""

    walk: Walk
    work: tuple[Kernel | Instruction, ...]


class Machine:
    """Runs programs as the hardware would.

    Args:
        timing: Parameters of the cycle model.
    """

    def __init__(self, timing: Timing = PUBLISHED) -> None:
        self._timing = timing
        self._program: Program | None = None
        self._memory = np.zeros(MEMORY_BYTES, np.int8)
        self._next: int | None = 0
        self._routes: dict[int, _Route] = {}

    def load(self, program: bytes) -> None:
        """Takes a program in place of any other.

        Args:
            program: A whole program file.

        Raises:
            ProgramError: It is damaged, of another version or too large; none is loaded then.
        """
        self._program = None
        parsed = parse_program(program)
        self._memory[:] = 0
        static = parsed.code + parsed.constants
        self._memory[: len(static)] = np.frombuffer(static, np.int8)
        self._routes, self._next, self._program = {}, 0, parsed

    def run(self, image: bytes) -> Frame:
        """Runs the loaded program over one image.

        Args:
            image: int8 NHWC, as many bytes as the program's header says.

        Raises:
            ProgramError: No program is loaded, it has halted, or the image is not of its size.
            TrapError: The program broke a rule; the next frame starts at instruction 0.
        """
        program = self._program
        if program is None:
            raise ProgramError("no program is loaded", "Load one first.")
        if self._next is None:
            raise ProgramError("the program has halted", "Load it again.")
        if len(image) != program.image_bytes:
            raise ProgramError(
                f"the image has {len(image)} bytes, the program takes {program.image_bytes}"
            )
        first, self._next = self._next, 0
        route = self._find_route(program, first)
        memory, values = self._memory, np.frombuffer(image, np.int8)
        sent = []
        for work in route.work:
            if isinstance(work, Instruction):
                sent.append(memory[work["src"] : work["src"] + work["bytes"]].tobytes())
            else:
                work(memory, values)
        self._next = route.walk.resume
        return Frame(b"".join(sent), route.walk.cycles)

    def _find_route(self, program: Program, first: int) -> _Route:
        if first not in self._routes:
            walk = walk_frame(program, first, self._timing)
            instructions = [step.instruction for step in walk.steps]
            work = (i if i.name == "SEND" else make_kernel(i, program) for i in instructions)
            self._routes[first] = _Route(walk, tuple(w for w in work if w is not None))
        return self._routes[first]
