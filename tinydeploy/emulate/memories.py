"""The board's memories as host buffers, and nothing else in the address space.

At power-on flash is erased or holds the image, RAM holds arbitrary bytes (never zero by chance),
and memories behind a clock gate answer only once their enable bits are set.
"""

from __future__ import annotations

import ctypes
import mmap
from collections.abc import Callable, Iterable

import numpy as np
from unicorn import UC_PROT_EXEC, UC_PROT_NONE, UC_PROT_READ, UC_PROT_WRITE, Uc

from tinydeploy.board import Board, Memory
from tinydeploy.emulate.gaps import Range, find_gaps, split_gap
from tinydeploy.emulate.image import Image
from tinydeploy.errors import InputFileError, UsageError

_PAGE = 4096  # Unicorn maps whole pages
_PROTECTION = {"r": UC_PROT_READ, "w": UC_PROT_WRITE, "x": UC_PROT_EXEC}


class Memories:
    """Maps a board's memories into a processor.

    Args:
        uc: The processor.
        board: Its memories.
        read_register: Reads a clock enable register.
        loaders: Whether code may run from all RAM, as that of flashing tools does.
    """

    def __init__(
        self, uc: Uc, board: Board, read_register: Callable[[int], int], *, loaders: bool
    ) -> None:
        self._uc, self._board, self._read_register = uc, board, read_register
        self._loaders = loaders
        for memory in board.memories:
            if (memory.address | memory.size) % _PAGE:
                raise UsageError(
                    f"memory '{memory.name}' does not begin and end at a multiple of {_PAGE} bytes",
                    "The emulated board cannot map it; round it down in the board file.",
                )
        self._buffers = {memory.name: mmap.mmap(-1, memory.size) for memory in board.memories}
        self._mapped: set[str] = set()
        self._guards: list[Range] = []  # pages that nothing may touch
        self._edges: dict[int, bytes] = {}  # what lies beside them, and must stay
        self.power_on()
        for memory in board.memories:
            if memory.clock is None:
                self._map(memory)

    def power_on(self) -> None:
        """Erases flash, fills RAM with arbitrary bytes, the same ones each time."""
        generator = np.random.default_rng(0x5AFE)
        for memory in self._board.memories:
            if "w" in memory.access:
                content = generator.integers(1, 256, memory.size, np.uint8).tobytes()
            else:
                content = b"\xff" * memory.size
            self._buffers[memory.name][:] = content

    def program(self, image: Image) -> None:
        """Writes an image's segments to flash, as a flashing tool does.

        Raises:
            InputFileError: A segment's load address is not in flash.
        """
        for address, data in image.segments:
            flash = self.find(address)
            if flash is None or "w" in flash.access or address + len(data) > flash.end:
                raise InputFileError(
                    f"the image loads {len(data)} bytes at {address:#010x}, outside the"
                    f" flash of {self._board.name}",
                    "Build the image for this board.",
                )
            at = address - flash.address
            self._buffers[flash.name][at : at + len(data)] = data

    def content(self, memory: Memory) -> mmap.mmap:
        """A memory's bytes themselves."""
        return self._buffers[memory.name]

    @property
    def executable(self) -> dict[int, mmap.mmap]:
        """First address and content of each memory that code can run from."""
        memories = (m for m in self._board.memories if "x" in self._access(m))
        return {memory.address: self._buffers[memory.name] for memory in memories}

    def find(self, address: int) -> Memory | None:
        """The memory that an address lies in, its clock running or not."""
        for memory in self._board.memories:
            if memory.address <= address < memory.end:
                return memory
        return None

    def read(self, address: int, size: int) -> bytes | None:
        """The bytes at an address; None where they do not all lie in one memory."""
        memory = self.find(address)
        if memory is None or size < 0 or address + size > memory.end:
            return None
        at = address - memory.address
        return self._buffers[memory.name][at : at + size]

    def write(self, address: int, data: bytes) -> bool:
        """Writes RAM; False where the bytes do not all lie in one memory that can be written."""
        memory = self.find(address)
        if memory is None or "w" not in memory.access or address + len(data) > memory.end:
            return False
        at = address - memory.address
        self._buffers[memory.name][at : at + len(data)] = data
        return True

    def guard(self, used: Iterable[Range]) -> None:
        """Watches over all RAM outside of `used`, from now on and whatever is mapped later.

        Where a whole page is free every access to it is a fault; other free bytes are filled with
        noise, and `find_broken_edge` tells whether it is still there.
        """
        noise = np.random.default_rng(0xED6E)
        used = list(used)
        for memory in self._board.memories:
            if "w" not in memory.access:
                continue
            for gap in find_gaps(memory.address, memory.end, used):
                pages, edges = split_gap(gap, _PAGE)
                self._guards += [pages] if pages else []
                for begin, end in edges:
                    self._edges[begin] = noise.integers(0, 256, end - begin, np.uint8).tobytes()
                    self.write(begin, self._edges[begin])
            if memory.name in self._mapped:
                self._close_guards(memory)

    def find_broken_edge(self) -> int | None:
        """The first guarded byte beside what the image uses that was written; None if none was."""
        for address, noise in self._edges.items():
            found = self.read(address, len(noise)) or b""
            if found != noise:
                wrong = np.frombuffer(found, np.uint8) != np.frombuffer(noise, np.uint8)
                return address + int(np.argmax(wrong))
        return None

    def is_guarded(self, address: int) -> bool:
        """Whether the address lies in a page that nothing may touch."""
        return any(begin <= address < end for begin, end in self._guards)

    def admit(self, address: int) -> bool:
        """Maps the gated memory at an address if its clock runs; whether it did."""
        memory = self.find(address)
        if memory is None or memory.name in self._mapped or not self.is_clocked(memory):
            return False
        self._map(memory)
        return True

    def close_gates(self) -> None:
        """Unmaps the gated memories whose clock was turned off."""
        for memory in self._board.memories:
            if memory.name in self._mapped and not self.is_clocked(memory):
                self._uc.mem_unmap(memory.address, memory.size)
                self._mapped.discard(memory.name)

    def is_clocked(self, memory: Memory) -> bool:
        """Whether a memory's enable bits are set."""
        gate = memory.clock
        return gate is None or self._read_register(gate.register) & gate.mask == gate.mask

    def _map(self, memory: Memory) -> None:
        protection = sum(_PROTECTION[letter] for letter in self._access(memory))
        pointer = ctypes.addressof(ctypes.c_char.from_buffer(self._buffers[memory.name]))
        self._uc.mem_map_ptr(memory.address, memory.size, protection, pointer)
        self._mapped.add(memory.name)
        self._close_guards(memory)

    def _access(self, memory: Memory) -> str:
        return memory.access + "x" if memory.access == "rw" and self._loaders else memory.access

    def _close_guards(self, memory: Memory) -> None:
        for begin, end in self._guards:
            if memory.address <= begin < memory.end:
                self._uc.mem_protect(begin, end - begin, UC_PROT_NONE)
