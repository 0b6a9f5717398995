"""Halting debug of the core: halt, run, step, breakpoints, registers, memory (ARMv7-M ARM, C1)."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any

from unicorn import UC_HOOK_CODE, Uc
from unicorn import arm_const as uc_arm

from tinydeploy.board import Memory
from tinydeploy.emulate import bus, system
from tinydeploy.emulate.exceptions import (
    BUS_FAULT,
    HARD_FAULT,
    MEM_MANAGE,
    USAGE_FAULT,
    Fault,
)
from tinydeploy.emulate.traps import Traps

if TYPE_CHECKING:
    from tinydeploy.emulate.machine import EmulatedChip

# DEMCR's bits that catch the entry of an exception.
_CATCHES = {MEM_MANAGE: 1 << 4, USAGE_FAULT: 0xE0, BUS_FAULT: 1 << 8, HARD_FAULT: 1 << 10}
# By the number that debuggers know a core register by (DCRSR.REGSEL).
_REGISTERS = {
    **{n: uc_arm.UC_ARM_REG_R0 + n for n in range(13)},
    13: uc_arm.UC_ARM_REG_SP,
    14: uc_arm.UC_ARM_REG_LR,
    15: uc_arm.UC_ARM_REG_PC,
    16: uc_arm.UC_ARM_REG_XPSR,
    17: uc_arm.UC_ARM_REG_MSP,
    18: uc_arm.UC_ARM_REG_PSP,
    33: uc_arm.UC_ARM_REG_FPSCR,
    **{64 + n: uc_arm.UC_ARM_REG_S0 + n for n in range(32)},
}
_SPECIAL = 20
# CONTROL, FAULTMASK, BASEPRI and PRIMASK share a word, CONTROL in its highest byte.
_MASKS = (
    uc_arm.UC_ARM_REG_PRIMASK,
    uc_arm.UC_ARM_REG_BASEPRI,
    uc_arm.UC_ARM_REG_FAULTMASK,
    uc_arm.UC_ARM_REG_CONTROL,
)
PC, XPSR = 15, 16
_THUMB = 1 << 24


class CoreDebug:
    """A chip under a debugger.

    Args:
        chip: The chip.
        traps: For breakpoints.
        flash: Where the firmware is.

    Attributes:
        enabled: Whether a debugger has taken control (DHCSR.C_DEBUGEN).
        halted: Whether the core stands.
        masks_interrupts: Whether interrupts are kept from it (DHCSR.C_MASKINTS).
        vector_catch: Exceptions whose entry halts it, as in DEMCR.
        was_reset: A reset has come since this was last looked at.
        catch_faults: Whether a fault halts it at the instruction, before its handler.
        on_halt: Are called with the cause when it halts.
        on_stop: Are called with the facts when the firmware stops for good, and with none once it
            runs again.
    """

    def __init__(self, chip: EmulatedChip, traps: Traps, flash: Memory) -> None:
        self._chip, self._traps, self._flash = chip, traps, flash
        self.enabled = self.halted = self.masks_interrupts = self.was_reset = False
        self.catch_faults = self.is_looking = False
        self.vector_catch = 0
        self.fault: Fault | None = None  # the one that it halted at
        self.on_halt: list[Callable[[str], None]] = []
        self.on_stop: list[Callable[[dict[str, Any]], None]] = []
        self._breakpoints: dict[int, int] = {}  # Unicorn's hooks by address
        self._passes: int | None = None  # the breakpoint that the core stood on when it went on

    def may_run(self) -> bool:
        """Whether the core runs: neither halted nor stopped for good."""
        return not self.halted and self._chip.stopped is None

    def halt(self, cause: str) -> None:
        """The core stands from now on; "request", "step", "breakpoint", "vector" or "fault"."""
        if not self.halted:
            self.halted = True
            for listener in self.on_halt:
                listener(cause)

    def report_stop(self, facts: dict[str, Any]) -> None:
        """Tells that the firmware has stopped for good, or with no facts that it runs again."""
        for listener in self.on_stop:
            listener(facts)

    def resume(self) -> None:
        """The core goes on, over a breakpoint that it stands on, into a fault that it stands at."""
        if not self.halted:
            return
        self.halted = False
        self._leave()

    def step(self) -> None:
        """Executes one instruction."""
        self.halted = False
        self._leave()
        if not self.halted:
            self._chip.step()
        self.halt("step")

    def _leave(self) -> None:
        fault, self.fault = self.fault, None
        self._passes = self.read_register(PC)
        if fault is not None:
            catches, self.catch_faults = self.catch_faults, False
            self._chip.take_fault(fault, self._passes)
            self.catch_faults = catches

    def reset(self, *, halt: bool) -> None:
        """System reset; the core then stands before its first instruction, or runs."""
        was_stopped = self._chip.stopped is not None
        self.was_reset, self.fault, self._passes = True, None, None
        self.halted = False
        self._chip.reset()
        if was_stopped and self._chip.stopped is None:
            self.report_stop({})
        if halt:
            self.halt("vector")

    def set_breakpoint(self, address: int) -> None:
        """Halts the core before it executes the instruction at an address."""
        if address not in self._breakpoints:
            self._breakpoints[address] = self._chip.uc.hook_add(
                UC_HOOK_CODE, self._on_breakpoint, None, address, address
            )
            self._chip.uc.ctl_flush_tb()

    def clear_breakpoint(self, address: int) -> None:
        """Takes a breakpoint away."""
        if address in self._breakpoints:
            self._chip.uc.hook_del(self._breakpoints.pop(address))
            self._chip.uc.ctl_flush_tb()

    @property
    def breakpoints(self) -> tuple[int, ...]:
        """Where breakpoints are."""
        return tuple(self._breakpoints)

    def _on_breakpoint(self, uc: Uc, address: int, size: int, _: object) -> None:
        if self._passes == address:
            self._passes = None
            return
        self._traps.event = "halt"
        uc.emu_stop()

    def take_over(self) -> None:
        """A debugger halts the core, also one whose firmware had stopped for good."""
        if self._chip.stopped is not None:
            self._chip.release()
            self.report_stop({})
        self.halt("request")

    def is_breakpoint(self, event: str) -> bool:
        """Whether what stopped the core is for the debugger."""
        return event == "halt" or (event == "breakpoint" and self.enabled)

    def is_at_work(self, pc: int) -> bool:
        """Whether an access is the debugger's, or of a program that it has put into RAM.

        Flashing tools have their own order of doing things, and real chips put up with them.
        """
        return self.is_looking or (self.enabled and not self._flash.address <= pc < self._flash.end)

    def catches(self, fault: Fault) -> bool:
        """Halts the core at a fault where that is wanted; whether it did."""
        if not self.catch_faults:
            return False
        self.fault = fault
        self.halt("fault")
        return True

    def enter_fault(self, exception: int) -> None:
        """Halts the core at the entry of a fault's handler where DEMCR wants that."""
        if self.enabled and self.vector_catch & _CATCHES.get(exception, 0):
            self.halt("vector")

    def read_register(self, number: int) -> int:
        """Reads a core register by the number in DCRSR."""
        read = self._chip.uc.reg_read
        if number == _SPECIAL:
            return sum((read(mask) & 0xFF) << 8 * at for at, mask in enumerate(_MASKS))
        if number not in _REGISTERS:
            return 0
        value = int(read(_REGISTERS[number]))
        return {PC: value & ~1, XPSR: value | _THUMB}.get(number, value)

    def write_register(self, number: int, value: int) -> None:
        """Writes a core register by the number in DCRSR."""
        uc = self._chip.uc
        if number == _SPECIAL:
            for at, mask in enumerate(_MASKS):
                uc.reg_write(mask, value >> 8 * at & 0xFF)
        elif number == PC:
            uc.reg_write(uc_arm.UC_ARM_REG_PC, value | 1)
            self.fault = None
        elif number == XPSR:  # which exception is active is not the debugger's to say
            active = uc.reg_read(uc_arm.UC_ARM_REG_XPSR) & 0x1FF
            uc.reg_write(uc_arm.UC_ARM_REG_XPSR, value & ~0x1FF | _THUMB | active)
        elif number in _REGISTERS:
            uc.reg_write(_REGISTERS[number], value)

    def read_memory(self, address: int, size: int) -> bytes | None:
        """Reads memory as a debug probe does; None where nothing answers."""
        chip = self._chip
        if _is_register(address):
            with self._look():
                parts = (
                    chip.bus.read(at, len(part)).to_bytes(len(part), "little")
                    for at, part in _pieces(address, bytes(size))
                )
                return b"".join(parts)
        memory = chip.memories.find(address)
        if memory is None or not chip.memories.is_clocked(memory) or self.is_secret(address):
            return None
        if chip.flash is not None:
            chip.flash.cells.settle()
        return chip.memories.read(address, size)

    def write_memory(self, address: int, data: bytes) -> bool:
        """Writes memory, or programs flash, as a debug probe does; False where nothing answers."""
        chip = self._chip
        if _is_register(address):
            with self._look():
                for at, part in _pieces(address, data):
                    chip.bus.write(at, len(part), int.from_bytes(part, "little"))
            return True
        memory = chip.memories.find(address)
        if memory is None or not chip.memories.is_clocked(memory) or self.is_secret(address):
            return False
        if self.halted:  # else it is data for the program that runs
            chip.change_code()
        if "w" in memory.access:
            return chip.memories.write(address, data)
        if chip.flash is not None and memory == chip.flash.cells.memory:
            chip.flash.program(address, data, by_core=False)
        return True  # a write to memory that cannot be written is ignored

    def is_secret(self, address: int) -> bool:
        """Whether readout protection keeps debuggers from an address."""
        flash = self._chip.flash
        if flash is None or not flash.protected:
            return False
        return flash.cells.memory.address <= address < flash.cells.memory.end

    @contextmanager
    def _look(self) -> Iterator[None]:
        self.is_looking = True
        try:
            yield
        finally:
            self.is_looking = False


def _is_register(address: int) -> bool:
    spaces = ((bus.BASE, bus.SIZE), (system.BASE, system.SIZE))
    return any(base <= address < base + size for base, size in spaces)


def _pieces(address: int, data: bytes) -> Iterator[tuple[int, bytes]]:
    """An access to registers as words, halves and bytes, as large as address and size allow."""
    at = 0
    while at < len(data):
        size = next(s for s in (4, 2, 1) if (address + at) % s == 0 and len(data) - at >= s)
        yield address + at, data[at : at + size]
        at += size
