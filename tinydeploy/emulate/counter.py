"""Counts executed instructions block by block: natively where there is a C compiler, else in Python.

Both counters hook the start of every block that Unicorn translates, give the same numbers, and stop the processor
before a block that uses the FPU while it is off or an unaligned base address where the core would fault.
"""

from __future__ import annotations

import ctypes
import mmap
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any, Protocol

import numpy as np
import numpy.typing as npt
from unicorn import UC_HOOK_BLOCK, UC_HOOK_CODE, Uc
from unicorn.unicorn_py3.unicorn import uclib

from tinydeploy.emulate.native import load_native_counter

NEVER = (1 << 64) - 1
WATCH, USES_FPU, CHECKED = 1, 2, 4
NOTHING, DEADLINE, FPU_OFF, UNALIGNED, RETRANSLATE = range(5)

MAX_BLOCKS = 1 << 18
MAX_CHECKS = 1 << 18

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
        analyse: Given address and size of a new block with an instruction that wants alignment: the checks at its
            start as (Unicorn register, instruction address), and whether instructions inside it need a hook of
            their own, so that the block must be translated anew.
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

    def add_site(self, register: int, address: int) -> None:
        """Checks the base register just before the instruction at `address` executes."""

    def trim(self, address: int) -> None:
        """Takes back what the last block did not execute because it was left at `address`."""

    def forget_last(self) -> None:
        """The next block does not follow from the last one: an exception came between."""

    def snapshot(self) -> Blocks:
        """A copy of all blocks so far, in order of their first execution (dtype BLOCK)."""


def open_counter(uc: Uc, code: Mapping[int, mmap.mmap], hooks: Hooks, kind: str) -> Counter:
    """Makes the fastest counter there is and hooks it.

    Args:
        uc: The processor.
        code: Executable memories: first address -> content.
        hooks: Functions to call.
        kind: "native", "python", or "" for native with Python as the fallback.
    """
    library = None if kind == "python" else load_native_counter()
    if library is None and kind == "native":
        raise RuntimeError("no C compiler for the native block counter")
    if library is None:
        return PythonCounter(uc, code, hooks)
    return NativeCounter(uc, code, hooks, library)


class _Region(ctypes.Structure):
    _fields_ = (
        ("address", ctypes.c_uint32),
        ("size", ctypes.c_uint32),
        ("code", ctypes.c_void_p),
        ("index", ctypes.c_void_p),
    )


class _State(ctypes.Structure):
    """td_counter of block_counter.c."""

    _fields_ = (
        ("total", ctypes.c_uint64),
        ("deadline", ctypes.c_uint64),
        ("reason", ctypes.c_uint32),
        ("site", ctypes.c_uint32),
        ("flag_mask", ctypes.c_uint32),
        ("blocks", ctypes.c_uint32),
        ("last", ctypes.c_uint32),
        ("skip", ctypes.c_uint32),
        ("max_blocks", ctypes.c_uint32),
        ("checks", ctypes.c_uint32),
        ("max_checks", ctypes.c_uint32),
        ("regions", ctypes.c_uint32),
        ("block", ctypes.c_void_p),
        ("check", ctypes.c_void_p),
        ("region", _Region * 8),
        ("stop", ctypes.c_void_p),
        ("reg_read", ctypes.c_void_p),
        ("analyse", ctypes.c_void_p),
        ("judge", ctypes.c_void_p),
        ("watch", ctypes.c_void_p),
    )


class _Check(ctypes.Structure):
    _fields_ = (("reg", ctypes.c_int32), ("site", ctypes.c_uint32))


class _Site(ctypes.Structure):
    _fields_ = (
        ("counter", ctypes.c_void_p),
        ("reg", ctypes.c_int32),
        ("address", ctypes.c_uint32),
    )


def _forward(name: str) -> Any:
    def read(self: NativeCounter) -> int:
        return int(getattr(self._state, name))

    def write(self: NativeCounter, value: int) -> None:
        setattr(self._state, name, value)

    return property(read, write)


class NativeCounter:
    """The counter in block_counter.c, hooked without Python in between."""

    kind = "native"
    total = _forward("total")
    deadline = _forward("deadline")
    reason = _forward("reason")
    site = _forward("site")
    skip = _forward("skip")

    def __init__(
        self, uc: Uc, code: Mapping[int, mmap.mmap], hooks: Hooks, library: ctypes.CDLL
    ) -> None:
        self._uc, self._hooks, self._library = uc, hooks, library
        library.td_create.restype = ctypes.c_void_p
        self._pointer = ctypes.c_void_p(library.td_create(MAX_BLOCKS, MAX_CHECKS))
        assert self._pointer.value
        self._state = _State.from_address(self._pointer.value)
        self._state.flag_mask = WATCH | USES_FPU | CHECKED
        self._state.stop = _address_of(uclib.uc_emu_stop)
        self._state.reg_read = _address_of(uclib.uc_reg_read)
        one = ctypes.CFUNCTYPE(ctypes.c_uint32, ctypes.c_uint32)
        self._callbacks = [one(self._analyse), one(self._judge), one(self._watch)]
        self._state.analyse, self._state.judge, self._state.watch = (
            _address_of(callback) for callback in self._callbacks
        )
        for address, content in code.items():
            pointer = ctypes.addressof(ctypes.c_char.from_buffer(content))
            library.td_add_region(
                self._pointer, address, ctypes.c_uint32(len(content)), ctypes.c_void_p(pointer)
            )
        self._table = np.frombuffer(
            (ctypes.c_char * (MAX_BLOCKS * BLOCK.itemsize)).from_address(self._state.block), BLOCK
        )
        self._checks = (_Check * MAX_CHECKS).from_address(self._state.check)
        self._sites: list[_Site] = []
        _hook_raw(uc, UC_HOOK_BLOCK, _address_of(library.td_on_block), self._pointer.value, 1, 0)

    def _analyse(self, number: int) -> int:
        block = self._table[number]
        checks, retranslate = self._hooks.analyse(int(block["address"]), int(block["size"]))
        first = self._state.checks
        if first + len(checks) <= MAX_CHECKS:
            for at, (register, site) in enumerate(checks, first):
                self._checks[at] = _Check(register, site)
            self._state.checks += len(checks)
            block["first_check"], block["checks"] = first, len(checks)
        return RETRANSLATE if retranslate else NOTHING

    def _judge(self, site: int) -> int:
        return int(self._hooks.judge(site))

    def _watch(self, address: int) -> int:
        self._hooks.watch(address)
        return 0

    def kick(self) -> None:
        self._state.deadline = 0

    def set_fpu(self, on: bool) -> None:
        self._state.flag_mask = WATCH | CHECKED | (0 if on else USES_FPU)

    def set_watch(self, address: int, on: bool) -> None:
        self._library.td_set_watch(self._pointer, ctypes.c_uint32(address), int(on))

    def add_site(self, register: int, address: int) -> None:
        site = _Site(self._pointer.value, register, address)
        self._sites.append(site)
        _hook_raw(
            self._uc,
            UC_HOOK_CODE,
            _address_of(self._library.td_on_site),
            ctypes.addressof(site),
            address,
            address,
        )

    def trim(self, address: int) -> None:
        self._library.td_trim(self._pointer, ctypes.c_uint32(address))

    def forget_last(self) -> None:
        self._state.last = 0

    def snapshot(self) -> Blocks:
        return self._table[: self._state.blocks].copy()


def _address_of(function: Any) -> int:
    return ctypes.cast(function, ctypes.c_void_p).value or 0


def _hook_raw(uc: Uc, kind: int, function: int, data: int, begin: int, end: int) -> None:
    """uc_hook_add with a C function, which the Python binding does not offer."""
    handle = ctypes.c_size_t()
    status = uclib.uc_hook_add(
        uc._uch,
        ctypes.byref(handle),
        ctypes.c_int(kind),
        ctypes.c_void_p(function),
        ctypes.c_void_p(data),
        ctypes.c_uint64(begin),
        ctypes.c_uint64(end),
    )
    if status:
        raise RuntimeError(f"uc_hook_add failed with {status}")


@dataclass
class _Block:
    address: int
    size: int
    instructions: int
    flags: int
    checks: list[tuple[int, int]] = field(default_factory=list)
    executions: int = 0
    taken: int = 0


class PythonCounter:
    """The same without a C compiler: some 17 million instructions a second."""

    kind = "python"

    def __init__(self, uc: Uc, code: Mapping[int, mmap.mmap], hooks: Hooks) -> None:
        self.total, self.deadline = 0, NEVER
        self.reason, self.site, self.skip = NOTHING, 0, 0
        self._uc, self._code, self._hooks = uc, code, hooks
        self._mask = WATCH | USES_FPU | CHECKED
        self._blocks: dict[tuple[int, int], _Block] = {}
        self._watched: set[int] = set()
        self._last: _Block | None = None
        uc.hook_add(UC_HOOK_BLOCK, self._on_block)

    def _on_block(self, uc: Uc, address: int, size: int, _: object) -> None:
        if self.total >= self.deadline:
            self._stop(DEADLINE, 0)
            return
        block = self._blocks.get((address, size))
        if block is None:
            if not size:
                return
            block = self._add_block(address, size)
            if block.flags & CHECKED:
                block.checks, retranslate = self._hooks.analyse(address, size)
                if retranslate:
                    self._stop(RETRANSLATE, 0)
                    return
        if block.flags & self._mask and not self.skip and self._examine(block):
            return
        self.skip = 0
        last = self._last
        if last is not None and last.address + last.size != address:
            last.taken += 1
        self._last = block
        block.executions += 1
        self.total += block.instructions

    def _examine(self, block: _Block) -> bool:
        flags = block.flags & self._mask
        if flags & WATCH:
            self._hooks.watch(block.address)
        if flags & USES_FPU:
            sites = [at for at, first, second in self._decode(block) if _is_fpu(first, second)]
            return self._stop(FPU_OFF, sites[0])
        for register, site in block.checks if flags & CHECKED else ():
            if self._uc.reg_read(register) & 3:
                return self._stop(UNALIGNED, site)
        return False

    def _stop(self, reason: int, site: int) -> bool:
        self.reason, self.site = reason, site
        self._uc.emu_stop()
        return True

    def _add_block(self, address: int, size: int) -> _Block:
        block = _Block(address, size, 0, WATCH if address in self._watched else 0)
        for _, first, second in self._decode(block):
            block.instructions += 1
            block.flags |= CHECKED if wants_alignment(first, second) else 0
            block.flags |= USES_FPU if _is_fpu(first, second) else 0
        self._blocks[address, size] = block
        return block

    def _decode(self, block: _Block) -> list[tuple[int, int, int]]:
        for base, content in self._code.items():
            if base <= block.address < base + len(content):
                at = block.address - base
                return decode(content[at : at + block.size], block.address)
        return []

    def kick(self) -> None:
        self.deadline = 0

    def set_fpu(self, on: bool) -> None:
        self._mask = WATCH | CHECKED | (0 if on else USES_FPU)

    def set_watch(self, address: int, on: bool) -> None:
        (self._watched.add if on else self._watched.discard)(address)
        for block in self._blocks.values():
            if block.address == address:
                block.flags = block.flags | WATCH if on else block.flags & ~WATCH

    def add_site(self, register: int, address: int) -> None:
        def check(uc: Uc, at: int, size: int, _: object) -> None:
            if uc.reg_read(register) & 3 and self._hooks.judge(at):
                self._stop(UNALIGNED, at)

        self._uc.hook_add(UC_HOOK_CODE, check, None, address, address)

    def trim(self, address: int) -> None:
        last = self._last
        if last is None or not last.address <= address < last.address + last.size:
            return
        last.executions -= 1
        self.total -= last.instructions
        self._last = None
        if size := address - last.address:
            block = self._blocks.get((last.address, size)) or self._add_block(last.address, size)
            block.executions += 1
            self.total += block.instructions

    def forget_last(self) -> None:
        self._last = None

    def snapshot(self) -> Blocks:
        table = np.zeros(len(self._blocks), BLOCK)
        for row, block in zip(table, self._blocks.values(), strict=True):
            row["executions"], row["taken"] = block.executions, block.taken
            row["address"], row["size"] = block.address, block.size
            row["instructions"] = block.instructions
        return table


def decode(code: bytes, address: int) -> list[tuple[int, int, int]]:
    """Splits Thumb code into (address, first halfword, second halfword or 0)."""
    out = []
    at = 0
    while at + 2 <= len(code):
        first = code[at] | code[at + 1] << 8
        wide = first >= 0xE800 and at + 4 <= len(code)
        out.append((address + at, first, code[at + 2] | code[at + 3] << 8 if wide else 0))
        at += 4 if wide else 2
    return out


def wants_alignment(first: int, second: int) -> bool:
    """Whether an instruction faults on a base that is not a multiple of 4, sp and pc as bases excepted.

    LDM, STM, LDRD, STRD, LDREX, STREX, VLDR, VSTR, VLDM, VSTM (ARMv7-M ARM, A3.2.1).
    """
    if first < 0xE800:
        return first & 0xF000 == 0xC000
    if first & 15 in (13, 15):
        return False
    if first & 0xFE40 == 0xE800:
        return True
    if first & 0xFFE0 == 0xE8C0:  # table branches, exclusive accesses of bytes and halfwords
        return False
    if first & 0xFE40 == 0xE840:
        return True
    return first & 0xFE00 == 0xEC00 and first & 0xFFE0 != 0xEC40 and second >> 8 & 14 == 10


def _is_fpu(first: int, second: int) -> bool:
    return first & 0xEC00 == 0xEC00 and second >> 8 & 14 == 10
