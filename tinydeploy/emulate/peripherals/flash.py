"""The flash memory of a chip as its controller changes it: cells, keys, and what controllers share.

Erasing sets bytes to 0xFF, programming can only clear bits. A controller refuses what its chip
refuses and says so in its status register; a flashing tool is to find that out.
"""

from __future__ import annotations

import importlib
import mmap
from abc import ABC, abstractmethod
from collections.abc import Callable
from typing import ClassVar

from tinydeploy.board import Board, Memory

KEYS = (0x45670123, 0xCDEF89AB)
OPTION_KEYS = (0x08192A3B, 0x4C5D6E7F)

# Readout protection: as shipped, and level 1.
OPEN, LEVEL_1 = 0xAA, 0xBB


class Cells:
    """The flash array.

    Args:
        memory: Where it lies.
        content: Its bytes.
        changed: Called after each change.
    """

    def __init__(self, memory: Memory, content: mmap.mmap, changed: Callable[[], None]) -> None:
        self.memory = memory
        self._content, self._changed = content, changed
        self._late: list[tuple[int, bytes]] = []

    def read(self, offset: int, size: int) -> bytes:
        """Bytes from an offset on."""
        self.settle()
        return self._content[offset : offset + size]

    def erase(self, offset: int, size: int) -> None:
        """Sets bytes to 0xFF."""
        self.settle()
        self._content[offset : offset + size] = b"\xff" * size
        self._changed()

    def put(self, offset: int, data: bytes, *, by_core: bool) -> None:
        """Sets bytes; what the core stores lands in memory afterwards, and is then overwritten."""
        if by_core:
            self._late.append((offset, data))
        else:
            self._content[offset : offset + len(data)] = data
        self._changed()

    def settle(self) -> None:
        """Makes good what the core's last store has put over what it should have become."""
        for offset, data in self._late:
            self._content[offset : offset + len(data)] = data
        self._late.clear()


class Lock:
    """A control register that two keys, written in order, open until reset or until it is locked.

    A wrong key keeps it locked until the next reset.
    """

    def __init__(self, keys: tuple[int, int]) -> None:
        self._keys = keys
        self.reset()

    def reset(self) -> None:
        """Locks it."""
        self.closed, self._expected, self._jammed = True, 0, False

    def offer(self, key: int) -> None:
        """Takes one key."""
        if self._jammed or not self.closed:
            return
        if key != self._keys[self._expected]:
            self._jammed = True
            return
        self._expected += 1
        self.closed = self._expected < len(self._keys)
        self._expected %= len(self._keys)

    def close(self) -> None:
        """Locks it again; the keys open it."""
        self.closed, self._expected = True, 0


class FlashController(ABC):
    """A family's flash interface registers, but for the wait states.

    Args:
        cells: What it erases and programs.
        protected: Whether readout protection level 1 is set.
    """

    base: ClassVar[int]

    def __init__(self, cells: Cells, *, protected: bool) -> None:
        self.cells, self.protected = cells, protected
        self.reset()

    @abstractmethod
    def reset(self) -> None:
        """As after a system reset: locked, without errors."""

    @abstractmethod
    def read(self, offset: int) -> int:
        """Reads a register."""

    @abstractmethod
    def write(self, offset: int, value: int) -> None:
        """Writes a register."""

    @abstractmethod
    def program(self, address: int, data: bytes, *, by_core: bool) -> bool:
        """A write to the flash's addresses.

        Args:
            address: Where.
            data: 1, 2 or 4 bytes.
            by_core: Whether the core's store puts them there afterwards (see Cells.put).

        Returns:
            Whether the controller was ready to program at all.
        """


def open_flash(board: Board, cells: Cells, *, protected: bool) -> FlashController | None:
    """The controller of the board's chip family; None where there is no model of it."""
    try:
        module = importlib.import_module(f"tinydeploy.emulate.peripherals.flash_{board.family}")
    except ModuleNotFoundError:
        return None
    controller: FlashController = module.open_controller(cells, protected=protected)
    return controller
