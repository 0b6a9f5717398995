"""What an accelerator does, as whoever is linked to one sees it: the simulator or real hardware."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Protocol


@dataclass(frozen=True)
class Frame:
    """The answer to one image.

    Args:
        outputs: The model's outputs one after the other, int8 as LiteRT's: NHWC, no gaps.
        cycles: Clock cycles from the image's last byte in to the last result, by the cycle model.
    """

    outputs: bytes
    cycles: int


class Accelerator(Protocol):
    """Runs a program, frame by frame."""

    def load(self, program: bytes) -> None:
        """Takes a program in place of any other.

        Args:
            program: A whole file of the program format (docs/tinynpu.md, "Program format").

        Raises:
            ProgramError: It is damaged, of another version or too large; none is loaded then.
        """
        ...

    def run(self, image: bytes) -> Frame:
        """Runs the loaded program over one image.

        Args:
            image: int8 NHWC, as many bytes as the program's header says.

        Raises:
            ProgramError: No program is loaded, or the image is not of its size.
            TrapError: The program did what the machine forbids; the next frame starts afresh.
        """
        ...
