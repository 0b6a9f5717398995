"""The counter where there is no C compiler: some 17 million instructions a second."""

from __future__ import annotations

import mmap
from collections.abc import Mapping
from dataclasses import dataclass, field

import numpy as np
from unicorn import UC_HOOK_BLOCK, UC_HOOK_CODE, Uc

from tinydeploy.emulate.counter import (
    BLOCK,
    CHECKED,
    DEADLINE,
    FPU_OFF,
    NEVER,
    NO_DOUBLE,
    NOTHING,
    RETRANSLATE,
    UNALIGNED,
    UNALIGNED_NOW,
    USES_DOUBLE,
    USES_FPU,
    WATCH,
    Blocks,
    Hooks,
    flag_mask,
)
from tinydeploy.emulate.thumb import decode, is_double, is_fpu, wants_alignment


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
    """Counts in a Python function that Unicorn calls for each block."""

    kind = "python"

    def __init__(
        self, uc: Uc, code: Mapping[int, mmap.mmap], hooks: Hooks, *, double: bool
    ) -> None:
        self.total, self.deadline = 0, NEVER
        self.reason, self.site, self.skip = NOTHING, 0, 0
        self._uc, self._code, self._hooks, self._double = uc, code, hooks, double
        self._mask = flag_mask(fpu=False, double=double)
        self._blocks: dict[tuple[int, int], _Block] = {}
        self._watched: set[int] = set()
        self._last: _Block | None = None
        self._sites: list[int] = []
        uc.hook_add(UC_HOOK_BLOCK, self._on_block)

    def _on_block(self, uc: Uc, address: int, size: int, _: object) -> None:
        if self.total >= self.deadline:
            self._stop(UNALIGNED_NOW if self.reason == UNALIGNED_NOW else DEADLINE, self.site)
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
        for flag, is_kind, reason in (
            (USES_FPU, is_fpu, FPU_OFF),
            (USES_DOUBLE, is_double, NO_DOUBLE),
        ):
            if flags & flag:
                sites = (at for at, first, second in self._decode(block) if is_kind(first, second))
                return self._stop(reason, next(sites))
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
            block.flags |= USES_FPU if is_fpu(first, second) else 0
            block.flags |= USES_DOUBLE if is_double(first, second) else 0
        self._blocks[address, size] = block
        return block

    def _decode(self, block: _Block) -> list[tuple[int, int, int]]:
        for base, content in self._code.items():
            if base <= block.address < base + len(content):
                at = block.address - base
                return decode(content[at : at + block.size], block.address)
        return []

    def kick(self) -> None:
        """See Counter."""
        self.deadline = 0

    def set_fpu(self, on: bool) -> None:
        """See Counter."""
        self._mask = flag_mask(fpu=on, double=self._double)

    def set_watch(self, address: int, on: bool) -> None:
        """See Counter."""
        (self._watched.add if on else self._watched.discard)(address)
        for block in self._blocks.values():
            if block.address == address:
                block.flags = block.flags | WATCH if on else block.flags & ~WATCH

    def add_site(self, register: int, address: int, conditional: bool) -> None:
        """See Counter."""

        def check(uc: Uc, at: int, size: int, _: object) -> None:
            if not uc.reg_read(register) & 3 or not self._hooks.judge(at):
                return
            if not conditional:
                self._stop(UNALIGNED_NOW, at)
                return
            # Inside an IT block the emulator does not stop; it does before the next block.
            self.reason, self.site, self.deadline = UNALIGNED_NOW, at, 0

        hook = self._uc.hook_add(UC_HOOK_CODE, check, None, address, address)
        self._sites.append(hook)

    def trim(self, address: int) -> None:
        """See Counter."""
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
        """See Counter."""
        self._last = None

    def forget_code(self) -> None:
        """See Counter."""
        self._blocks.clear()
        self._last, self.skip, self.total = None, 0, 0
        for hook in self._sites:
            self._uc.hook_del(hook)
        self._sites.clear()

    def snapshot(self) -> Blocks:
        """See Counter."""
        table = np.zeros(len(self._blocks), BLOCK)
        for row, block in zip(table, self._blocks.values(), strict=True):
            row["executions"], row["taken"] = block.executions, block.taken
            row["address"], row["size"] = block.address, block.size
            row["instructions"] = block.instructions
        return table
