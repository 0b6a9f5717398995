"""Exceptions of an ARMv7-M core: priorities, stacking, vectors, faults (ARMv7-M ARM, B1.5)."""

from __future__ import annotations

import struct
from dataclasses import dataclass

from unicorn import Uc, UcError
from unicorn import arm_const as uc_arm

from tinydeploy.emulate.memories import Memories

RESET, NMI, HARD_FAULT, MEM_MANAGE, BUS_FAULT, USAGE_FAULT = 1, 2, 3, 4, 5, 6
SVCALL, PENDSV, SYSTICK, FIRST_IRQ = 11, 14, 15, 16
_LOWEST = 256

_STACKED = tuple(
    getattr(uc_arm, f"UC_ARM_REG_{name}") for name in ("R0", "R1", "R2", "R3", "R12", "LR")
)
_SINGLES = tuple(uc_arm.UC_ARM_REG_S0 + n for n in range(16))

# Where SHCSR enables the configurable faults; a disabled one becomes a HardFault.
_FAULT_ENABLES = {MEM_MANAGE: 1 << 16, BUS_FAULT: 1 << 17, USAGE_FAULT: 1 << 18}


@dataclass(frozen=True)
class Fault:
    """One fault as the core takes it.

    Args:
        exception: MEM_MANAGE, BUS_FAULT or USAGE_FAULT.
        status: Its bits of CFSR.
        text: What happened, for the report.
        address: The data address, for the fault address register; None where there is none.
    """

    exception: int
    status: int
    text: str
    address: int | None = None


class LockupError(Exception):
    """A fault inside the fault handler: the core locks up."""


class Exceptions:
    """The core's exception state.

    Args:
        uc: The processor.
        memories: For the stack frames and the vector table.
        vectors: Address of the vector table after reset.
    """

    def __init__(self, uc: Uc, memories: Memories, vectors: int) -> None:
        self._uc, self._memories = uc, memories
        self.vectors = vectors
        self.pending: set[int] = set()
        self.enabled: set[int] = set()
        self.priorities: dict[int, int] = {}
        self.fault_enables = 0  # SHCSR
        self.cfsr, self.hfsr, self.bfar, self.mmfar = 0, 0, 0, 0
        self.aspen = True  # FPCCR.ASPEN
        self._active: list[int] = []

    @property
    def active(self) -> int:
        """Number of the exception that runs, 0 in thread mode."""
        return self._active[-1] if self._active else 0

    @property
    def all_active(self) -> tuple[int, ...]:
        """Active exceptions, the innermost last."""
        return tuple(self._active)

    def priority(self, number: int) -> int:
        """Priority of an exception; smaller is more urgent."""
        fixed = {RESET: -3, NMI: -2, HARD_FAULT: -1}
        return fixed.get(number, self.priorities.get(number, 0))

    def execution_priority(self) -> int:
        """Priority of what runs now, masks included."""
        uc = self._uc
        now = min((self.priority(number) for number in self._active), default=_LOWEST)
        if base := uc.reg_read(uc_arm.UC_ARM_REG_BASEPRI) & 0xFF:
            now = min(now, base)
        if uc.reg_read(uc_arm.UC_ARM_REG_PRIMASK) & 1:
            now = min(now, 0)
        if uc.reg_read(uc_arm.UC_ARM_REG_FAULTMASK) & 1:
            now = min(now, -1)
        return now

    def next_pending(self) -> int | None:
        """The pending exception to take now, if any."""
        ready = [n for n in self.pending if n < FIRST_IRQ or n - FIRST_IRQ in self.enabled]
        if not ready:
            return None
        number = min(ready, key=lambda n: (self.priority(n), n))
        return number if self.priority(number) < self.execution_priority() else None

    def wakes(self) -> bool:
        """Whether WFI ends: an enabled exception is pending, PRIMASK notwithstanding."""
        return any(n < FIRST_IRQ or n - FIRST_IRQ in self.enabled for n in self.pending)

    def raise_fault(self, fault: Fault) -> None:
        """Takes a fault, or a HardFault where its own exception is disabled or not urgent enough.

        Raises:
            LockupError: The core was in HardFault or NMI already.
        """
        self.cfsr |= fault.status
        if fault.address is not None and fault.exception == BUS_FAULT:
            self.bfar, self.cfsr = fault.address, self.cfsr | 1 << 15
        if fault.address is not None and fault.exception == MEM_MANAGE:
            self.mmfar, self.cfsr = fault.address, self.cfsr | 1 << 7
        now = self.execution_priority()
        if now <= -1:
            raise LockupError(fault.text)
        number = fault.exception
        if not self.fault_enables & _FAULT_ENABLES[number] or self.priority(number) >= now:
            number = HARD_FAULT
            self.hfsr |= 1 << 30
        self.enter(number)

    def enter(self, number: int) -> None:
        """Stacks the frame and jumps to the handler.

        Raises:
            LockupError: Neither the frame nor the vector of a HardFault can be reached.
        """
        uc, read = self._uc, self._uc.reg_read
        pc, psr = read(uc_arm.UC_ARM_REG_PC) & ~1, read(uc_arm.UC_ARM_REG_XPSR)
        control = read(uc_arm.UC_ARM_REG_CONTROL)
        sp = read(uc_arm.UC_ARM_REG_SP)
        extended = bool(control & 4)
        frame = (sp - (0x68 if extended else 0x20)) & ~7
        padded = bool((sp - (0x68 if extended else 0x20)) & 4)
        psr = psr & ~(1 << 9) | 1 << 24 | padded << 9
        words = [read(register) for register in _STACKED] + [pc, psr]
        if extended:
            words += [read(register) for register in _SINGLES] + [read(uc_arm.UC_ARM_REG_FPSCR), 0]
        stacked = self._memories.write(frame & 0xFFFFFFFF, struct.pack(f"<{len(words)}I", *words))
        thread = not self._active
        code = 0xFFFFFFE1 if extended else 0xFFFFFFF1
        code |= (8 if thread else 0) | (4 if thread and control & 2 else 0)
        if not stacked:
            # A derived fault: the frame is lost, the handler starts all the same (B1.5.15).
            self.cfsr |= 1 << 12  # STKERR
            if number != HARD_FAULT:
                self.hfsr |= 1 << 30
                number = HARD_FAULT
        vector = self._memories.read(self.vectors + 4 * number, 4)
        if vector is None:
            raise LockupError(f"no vector of exception {number}")
        self.pending.discard(number)
        self._active.append(number)
        uc.reg_write(uc_arm.UC_ARM_REG_SP, frame & 0xFFFFFFFF)
        self._write_psr(number)
        if thread and control & 2:
            uc.reg_write(uc_arm.UC_ARM_REG_CONTROL, control & ~6)
        elif extended:
            uc.reg_write(uc_arm.UC_ARM_REG_CONTROL, control & ~4)
        uc.reg_write(uc_arm.UC_ARM_REG_LR, code)
        uc.reg_write(uc_arm.UC_ARM_REG_PC, int.from_bytes(vector, "little") | 1)

    def leave(self, code: int) -> Fault | None:
        """Unstacks the frame that EXC_RETURN `code` names; returns the fault where it cannot."""
        uc, write = self._uc, self._uc.reg_write
        if not self._active or code & 0xF not in (1, 9, 13):
            return Fault(USAGE_FAULT, 1 << 18, f"invalid exception return {code:#010x}")
        left = self._active.pop()
        if left not in (NMI, HARD_FAULT) or self.active not in (NMI, HARD_FAULT):
            write(uc_arm.UC_ARM_REG_FAULTMASK, 0)
        extended = not code & 0x10
        control = uc.reg_read(uc_arm.UC_ARM_REG_CONTROL) & ~6
        if code & 4:
            self._write_psr(0)  # SPSEL is for thread mode only
            control |= 2
        write(uc_arm.UC_ARM_REG_CONTROL, control)
        sp = uc.reg_read(uc_arm.UC_ARM_REG_SP)
        data = self._memories.read(sp, 0x68 if extended else 0x20)
        if data is None:
            return Fault(BUS_FAULT, 1 << 11, f"no stack frame at {sp:#010x} to return to")
        words = struct.unpack(f"<{len(data) // 4}I", data)
        for register, value in zip(_STACKED, words, strict=False):
            write(register, value)
        if extended:
            for register, value in zip(_SINGLES, words[8:], strict=False):
                write(register, value)
            write(uc_arm.UC_ARM_REG_FPSCR, words[24])
        psr = words[7]
        write(uc_arm.UC_ARM_REG_SP, sp + len(data) + (4 if psr >> 9 & 1 else 0))
        write(uc_arm.UC_ARM_REG_XPSR, psr & ~(1 << 9))
        if extended:
            write(uc_arm.UC_ARM_REG_CONTROL, uc.reg_read(uc_arm.UC_ARM_REG_CONTROL) | 4)
        write(uc_arm.UC_ARM_REG_PC, words[6] | 1)
        return None

    def _write_psr(self, exception: int) -> None:
        """Sets IPSR and clears the IT state, as exception entry does; flags keep their values."""
        psr = self._uc.reg_read(uc_arm.UC_ARM_REG_XPSR)
        try:
            self._uc.reg_write(uc_arm.UC_ARM_REG_XPSR, psr & 0xF80F0000 | 1 << 24 | exception)
        except UcError:  # pragma: no cover - every Unicorn from 2.1.1 on can
            self._uc.reg_write(uc_arm.UC_ARM_REG_IPSR, exception)
