"""What inferences cost: whoever wants int16 activations brings a planner along that can tell."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Protocol


@dataclass(frozen=True)
class Cost:
    """Of one inference.

    Args:
        instructions: As the planner estimates them.
        ram: Bytes of the arena.
    """

    instructions: int
    ram: int


class Planner(Protocol):
    """Plans .tflite files for a board."""

    def plan(self, tflite: bytes) -> Cost | None:
        """What the file costs; None where it does not fit the board."""
        ...

    def price(self, tflite: bytes) -> Sequence[tuple[str, int]]:
        """Output and instructions of each operator, fused, in order, as if run in one call."""
        ...


@dataclass(frozen=True)
class Mixing:
    """That layers may have int16 activations, and how many.

    Args:
        share: Part of the instructions, and of the RAM, that int16 may add, 0.15 for 15 %.
        planner: Tells what int8 and int16 cost.
    """

    share: float
    planner: Planner
