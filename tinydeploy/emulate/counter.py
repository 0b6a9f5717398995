"""Counts executed instructions block by block: natively, or in Python without a C compiler.

Both counters hook the start of every block that Unicorn translates, give the same numbers, and stop
the processor before a block that uses the FPU while it is off, double precision that the FPU does
not have, or an unaligned base address where the core would fault.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, Protocol

import numpy as np
import numpy.typing as npt

NEVER = (1 << 64) - 1
WATCH, USES_FPU, CHECKED, USES_DOUBLE = 1, 2, 4, 8
# Why a counter stopped the processor. The block that it was about to run has not run, but for
# UNALIGNED_NOW, which is found inside of a block.
NOTHING, DEADLINE, FPU_OFF, UNALIGNED, RETRANSLATE, FULL, UNALIGNED_NOW, NO_DOUBLE = range(8)


def flag_mask(*, fpu: bool, double: bool) -> int:
    """The flags of blocks that a counter has to look at, by what the FPU does."""
    return WATCH | CHECKED | (0 if fpu else USES_FPU) | (0 if double else USES_DOUBLE)


# td_block of block_counter.c
BLOCK = np.dtype(
    [
        ("executions", "<u8"),
        ("taken", "<u8"),
        ("address", "<u4"),
        ("size", "<u4"),
        ("instructions", "<u4"),
        ("flags", "<u4"),
        ("next", "<u4"),
        ("first_check", "<u4"),
        ("checks", "<u4"),
        ("reserved", "<u4"),
    ]
)
Blocks = npt.NDArray[Any]


@dataclass(frozen=True)
class Hooks:
    """What a counter calls.

    Args:
        analyse: Given address and size of a new block with an instruction that wants alignment:
            the checks at its start as (Unicorn register, instruction address), and whether
            instructions inside it need a hook of their own, so that the block must be translated
            anew.
        judge: Whether a conditional instruction at an address executes now.
        watch: A watched block is about to run.
    """

    analyse: Callable[[int, int], tuple[list[tuple[int, int]], bool]]
    judge: Callable[[int], bool]
    watch: Callable[[int], None]


class Counter(Protocol):
    """Exact counts of what the emulated core executes."""

    kind: str
    total: int
    deadline: int
    reason: int
    site: int
    skip: int

    def kick(self) -> None:
        """Stops the processor before its next block; may be called from another thread."""

    def set_fpu(self, on: bool) -> None:
        """Tells whether floating-point instructions are allowed."""

    def set_watch(self, address: int, on: bool) -> None:
        """Has `Hooks.watch` called before each block that begins at `address`."""

    def add_site(self, register: int, address: int, conditional: bool) -> None:
        """Checks the base register just before the instruction at `address` executes."""

    def trim(self, address: int) -> None:
        """Takes back what the last block did not execute because it was left at `address`."""

    def forget_last(self) -> None:
        """The next block does not follow from the last one: an exception came between."""

    def forget_code(self) -> None:
        """Counts from zero again: what the memories hold as code has changed."""

    def snapshot(self) -> Blocks:
        """A copy of all blocks so far, in order of their first execution (dtype BLOCK)."""
