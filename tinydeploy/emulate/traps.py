"""What Unicorn reports while it runs: exceptions, instructions and accesses that it cannot do."""

from __future__ import annotations

from collections.abc import Callable

from unicorn import (
    UC_HOOK_INSN_INVALID,
    UC_HOOK_INTR,
    UC_HOOK_MEM_PROT,
    UC_HOOK_MEM_UNMAPPED,
    UC_MEM_FETCH_PROT,
    UC_MEM_FETCH_UNMAPPED,
    UC_MEM_WRITE_PROT,
    UC_MEM_WRITE_UNMAPPED,
    Uc,
)
from unicorn import arm_const as uc_arm

from tinydeploy.emulate.exceptions import BUS_FAULT, USAGE_FAULT, Fault
from tinydeploy.emulate.memories import Memories

_EXC_RETURN = 0xFFFFFF00
_HINTS = (b"\x20\xbf", b"\x10\xbf")  # WFE, YIELD: do nothing here


class Traps:
    """Turns Unicorn's callbacks into one event for the loop that runs it.

    Args:
        uc: The processor.
        memories: The board's memories.
        program: Takes address, size and value of a store to memory that cannot be written; whether
            it was the programming of flash.
    """

    def __init__(
        self, uc: Uc, memories: Memories, program: Callable[[int, int, int], bool]
    ) -> None:
        self._uc, self._memories, self._program = uc, memories, program
        # "svc", "breakpoint", "return", "halt", a fault, or "" where nothing happened.
        self.event: str | Fault = ""
        uc.hook_add(UC_HOOK_INTR, self._on_interrupt)
        uc.hook_add(UC_HOOK_INSN_INVALID, self._on_invalid)
        uc.hook_add(UC_HOOK_MEM_UNMAPPED | UC_HOOK_MEM_PROT, self._on_bad_access)

    def _on_interrupt(self, uc: Uc, number: int, _: object) -> None:
        pc = uc.reg_read(uc_arm.UC_ARM_REG_PC)
        if number == 2:
            self.event = "svc"
        elif number == 7:
            self.event = "breakpoint"
        elif pc >= _EXC_RETURN:
            self.event = "return"
        else:
            self.event = Fault(
                USAGE_FAULT, 1 << 17, f"the core cannot execute at {pc:#010x} (exception {number})"
            )
        uc.emu_stop()

    def _on_invalid(self, uc: Uc, _: object) -> bool:
        pc = uc.reg_read(uc_arm.UC_ARM_REG_PC)
        if self._memories.read(pc - 2, 2) in _HINTS:
            return True
        self.event = Fault(USAGE_FAULT, 1 << 16, "undefined instruction")
        return False

    def _on_bad_access(
        self, uc: Uc, access: int, address: int, size: int, value: int, _: object
    ) -> bool:
        if self._memories.admit(address):
            return True
        if access == UC_MEM_WRITE_PROT and self._program(address, size, value):
            return True
        if access in (UC_MEM_FETCH_UNMAPPED, UC_MEM_FETCH_PROT):
            if address >= _EXC_RETURN:
                self.event = "return"
            else:
                self.event = Fault(
                    BUS_FAULT, 1 << 8, f"fetches an instruction from {address:#010x}"
                )
            return False
        verb = "writes" if access in (UC_MEM_WRITE_UNMAPPED, UC_MEM_WRITE_PROT) else "reads"
        text = f"{verb} {size} bytes at {address:#010x}, {self._place(address)}"
        self.event = Fault(BUS_FAULT, 1 << 9, text, address)
        return False

    def _place(self, address: int) -> str:
        memory = self._memories.find(address)
        if memory is None:
            sp = self._uc.reg_read(uc_arm.UC_ARM_REG_SP)
            if self._memories.find(sp) is None or abs(sp - address) < 256:
                return f"where the board has no memory: the stack has overflowed (sp {sp:#010x})"
            return "where the board has no memory"
        if not self._memories.is_clocked(memory):
            gate = memory.clock
            assert gate is not None
            return (
                f"in {memory.name}, whose clock is off"
                f" (bits {gate.mask:#x} of the register at {gate.register:#010x})"
            )
        if self._memories.is_guarded(address):
            return f"in {memory.name}, where the image has nothing"
        return f"in {memory.name}, which is {memory.access}"
