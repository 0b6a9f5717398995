"""A place for every feature map: those that live at the same time never overlap."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from tinydeploy.npu.layout import align


@dataclass(frozen=True)
class Life:
    """When a piece of memory is in use.

    Args:
        name: What tells it from others.
        bytes: Its size.
        first: Number of the step that writes it.
        last: Number of the last step that reads it, at least `first`.
    """

    name: str
    bytes: int
    first: int
    last: int

    def meets(self, other: Life, slack: int = 0) -> bool:
        """Whether both are in use in a step, or within `slack` steps of each other."""
        return self.first <= other.last + slack and other.first <= self.last + slack


def allocate(lives: Sequence[Life], room: int) -> Mapping[str, int] | None:
    """Offsets within a memory, multiples of 16; None where no place is found.

    The largest come first, each at the lowest place that is free. Where there is room, memory rests
    for a step before it is written again, so that the step that read it can still be at work.

    Args:
        lives: What needs memory, and when.
        room: Size of the memory in bytes.
    """
    placed: list[tuple[Life, int]] = []
    for life in sorted(lives, key=lambda life: (-life.bytes, life.first)):
        offset = None
        for slack in (2, 1, 0):
            taken = [(at, at + other.bytes) for other, at in placed if life.meets(other, slack)]
            offset = _lowest(taken, life.bytes, room)
            if offset is not None:
                break
        if offset is None:
            return None
        placed.append((life, offset))
    return {life.name: offset for life, offset in placed}


def _lowest(taken: Sequence[tuple[int, int]], size: int, room: int) -> int | None:
    offset = 0
    for begin, end in sorted(taken):
        if offset + size <= begin:
            break
        offset = max(offset, align(end))
    return offset if offset + size <= room else None
