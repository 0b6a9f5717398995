"""The emulated chip: core, memories and peripherals, and the loop that runs them.

Unicorn executes the instructions; interrupts, faults, requests of the parent and the rules that
Unicorn does not know are handled between two blocks of instructions, outside of it.
"""

from __future__ import annotations

import time
from collections.abc import Callable
from typing import Any

from unicorn import UC_ARCH_ARM, UC_HOOK_CODE, UC_MODE_THUMB, Uc, UcError
from unicorn import arm_const as uc_arm

from tinydeploy.board import SINGLE_PRECISION, Board
from tinydeploy.emulate import counter as counting
from tinydeploy.emulate import system
from tinydeploy.emulate.accelerator import open_accelerator
from tinydeploy.emulate.alignment_rules import AlignmentRules
from tinydeploy.emulate.bus import PeripheralBus
from tinydeploy.emulate.chip_options import ChipOptions
from tinydeploy.emulate.counter import Hooks
from tinydeploy.emulate.debug.core import CoreDebug
from tinydeploy.emulate.exceptions import (
    FIRST_IRQ,
    SVCALL,
    USAGE_FAULT,
    Exceptions,
    Fault,
    LockupError,
)
from tinydeploy.emulate.host_line import HostLine
from tinydeploy.emulate.image import Image
from tinydeploy.emulate.memories import Memories
from tinydeploy.emulate.messages import Kind
from tinydeploy.emulate.open_counter import open_counter
from tinydeploy.emulate.peripherals.family import Supervisor, open_family
from tinydeploy.emulate.peripherals.flash import Cells, open_flash
from tinydeploy.emulate.peripherals.stm32l4 import Stm32L4
from tinydeploy.emulate.traps import Traps

_CPUS = {"cortex-m4": uc_arm.UC_CPU_ARM_CORTEX_M4, "cortex-m7": uc_arm.UC_CPU_ARM_CORTEX_M7}
_NOWHERE = 0xFFFFFFFE

# So long may a fault handler run to print its report.
_LAST_WORDS = 500_000
# Seconds between two looks at the time while the firmware waits for the host.
_NAP = 0.05
# A masked pending interrupt is looked at again after so many instructions, then twice as many, and
# so on: firmware may unmask it soon, or leave it masked for good to be woken by it.
_MASKED, _MOST_MASKED = 256, 1 << 16

_UNALIGNED = Fault(USAGE_FAULT, 1 << 24, "LDM, LDRD, VLDR or the like at an unaligned address")
# By the counter's reason to stop before a block.
_REFUSED = {
    counting.FPU_OFF: Fault(
        USAGE_FAULT, 1 << 19, "floating-point instruction before CPACR enables the FPU"
    ),
    counting.NO_DOUBLE: Fault(
        USAGE_FAULT, 1 << 16, "undefined instruction: this FPU computes with single precision only"
    ),
    counting.UNALIGNED: _UNALIGNED,
}

# After a reset (ARMv7-M ARM, B1.5.5).
_CLEARED = (
    uc_arm.UC_ARM_REG_CONTROL,
    uc_arm.UC_ARM_REG_PRIMASK,
    uc_arm.UC_ARM_REG_BASEPRI,
    uc_arm.UC_ARM_REG_FAULTMASK,
    uc_arm.UC_ARM_REG_FPSCR,
)

_WFI = (b"\x30\xbf", b"\xaf\xf3\x03\x80")


class EmulatedChip:
    """A board's microcontroller with an image in its flash, at power-on.

    Args:
        board: The board.
        image: The firmware.
        line: Where UART bytes and requests come from.
        options: How it is set up.
    """

    def __init__(self, board: Board, image: Image, line: HostLine, options: ChipOptions) -> None:
        self._board, self._line = board, line
        # Not UC_MODE_MCLASS: that forces a Cortex-M33 whatever the model says.
        uc = self.uc = Uc(UC_ARCH_ARM, UC_MODE_THUMB)
        uc.ctl_set_cpu_model(_CPUS[board.cpu])
        self.memories = Memories(
            uc, board, lambda address: self.family.read(address), loaders=options.debug
        )
        self.memories.program(image)
        self.bus = PeripheralBus(uc, self._violate, self._registers_changed)
        memory = board.code_memory
        cells = Cells(memory, self.memories.content(memory), self.change_code)
        self.flash = open_flash(board, cells, protected=options.protected)
        self.on_watch: Callable[[int], None] = lambda address: None
        self._traps = Traps(uc, self.memories, self._program_flash)
        self._alignment = AlignmentRules(uc, self.memories)
        hooks = Hooks(
            self._alignment.analyse,
            self._alignment.would_execute,
            lambda address: self.on_watch(address),
        )
        self.counter = open_counter(
            uc,
            self.memories.executable,
            hooks,
            options.counter,
            double=board.fpu not in SINGLE_PRECISION,
        )
        self._irq = FIRST_IRQ + board.console.irq
        self._skipped = 0  # cycles that passed while the core slept, or before its code changed
        self._code_changed = False
        self._accelerator = open_accelerator(board, options)
        self.debug = CoreDebug(self, self._traps, memory) if options.debug else None
        line.on_message(self._on_message)
        self.reset()

    def now(self) -> int:
        """Core clock cycles since reset: one per executed instruction, plus the time asleep."""
        return self.counter.total + self._skipped

    def run(self, serve: Callable[[dict[str, Any]], None]) -> dict[str, Any]:
        """Runs until the firmware stops for good.

        Args:
            serve: Answers a request of the parent.

        Returns:
            Why and where it stopped.
        """
        while True:
            self._line.take(self.uart.received, 0)
            while self._line.requests:
                serve(self._line.requests.popleft())
            if self.stopped is not None and self.debug is None:
                return self.stopped
            if self._is_halted() or self.stopped is not None:
                self._line.take(self.uart.received, None)
                continue
            if self._watchdog_bites():
                continue
            self._take_interrupts()
            if self._asleep:
                self._sleep()
                continue
            self._set_deadline()
            # A message that came before the deadline was set will not stop the core.
            if not self._line.has_message():
                self._execute(_NOWHERE)
                self._handle_event()

    def reset(self) -> None:
        """System reset: registers and peripherals as after power-on, memories as they are."""
        board, uc = self._board, self.uc
        supervisor = Supervisor(self.now, self._violate, self._skip, self._kick)
        self.family = open_family(board, supervisor)
        self.uart = self.family.open_uart(board.console, self._line.send_byte, self._look_for_bytes)
        if self.flash is not None:
            self.flash.reset()
        self._exceptions = Exceptions(uc, self.memories, board.code_memory.address)
        self._system = system.SystemSpace(
            board.cpu,
            self.family.core_registers,
            self._exceptions,
            self.now,
            self._kick,
            self._set_fpu,
            self._request_reset,
        )
        self._port = None
        if self._accelerator is not None and isinstance(self.family, Stm32L4):
            self._port = self._accelerator.connect(self.family, self.memories)
        self.bus.connect(self.family, self.uart, self._system, self.flash, self._port)
        self.memories.close_gates()
        self._asleep, self._masked = False, _MASKED
        self.release()
        self._set_fpu(False)
        self.counter.forget_last()
        vectors = self.memories.read(board.code_memory.address, 8) or b""
        sp, pc = (int.from_bytes(vectors[at : at + 4], "little") for at in (0, 4))
        for register in _CLEARED:
            uc.reg_write(register, 0)
        uc.reg_write(uc_arm.UC_ARM_REG_XPSR, 1 << 24)
        uc.reg_write(uc_arm.UC_ARM_REG_SP, sp & ~3)
        uc.reg_write(uc_arm.UC_ARM_REG_LR, 0xFFFFFFFF)
        uc.reg_write(uc_arm.UC_ARM_REG_PC, pc | 1)
        if not pc & 1 or self.memories.read(pc & ~1, 2) is None:
            self._stop("fault", f"the reset vector {pc:#010x} does not point to code", pc)

    def describe_accelerator(self) -> dict[str, int]:
        """What the accelerator has done so far; nothing where there is none."""
        return {} if self._accelerator is None else self._accelerator.describe()

    def _watchdog_bites(self) -> bool:
        """Whether the watchdog has just reset the chip."""
        deadline = self.family.watchdog_deadline()
        if deadline is None or self.now() < deadline:
            return False
        self.reset()
        self.family.note_watchdog_reset()
        return True

    def release(self) -> None:
        """Forgets why the firmware has stopped: a debugger has taken the core, or reset it."""
        self._last_words_until = counting.NEVER
        self._first_fault: dict[str, Any] | None = None
        self.stopped: dict[str, Any] | None = None  # why the firmware stopped for good

    def change_code(self) -> None:
        """Code may have changed behind the core's back: it is translated and counted anew."""
        self._code_changed = True

    def step(self) -> None:
        """Executes one instruction, or what is left of an IT block."""
        self._take_interrupts()
        self._asleep = False
        executed: list[int] = []

        def stop_at_second(uc: Uc, address: int, size: int, _: object) -> None:
            if executed:
                uc.emu_stop()
            executed.append(address)

        # Blocks that are translated already have no hooks on their instructions.
        hook = self.uc.hook_add(UC_HOOK_CODE, stop_at_second, None, 1, 0)
        self.uc.ctl_flush_tb()
        while not executed and self.stopped is None and not self._is_halted():
            self.counter.deadline = counting.NEVER
            self._execute(_NOWHERE)
            self._handle_event()
        self.uc.hook_del(hook)
        self.uc.ctl_flush_tb()
        self.counter.trim(self.uc.reg_read(uc_arm.UC_ARM_REG_PC) & ~1)

    def _is_halted(self) -> bool:
        """Whether a debugger holds the core."""
        return self.debug is not None and self.debug.halted

    def _program_flash(self, address: int, size: int, value: int) -> bool:
        memory = self._board.code_memory
        if self.flash is None or not memory.address <= address < memory.end:
            return False
        data = (value & (1 << 8 * size) - 1).to_bytes(size, "little")
        return self.flash.program(address, data, by_core=True)

    def _execute(self, until: int) -> None:
        """Runs until something happens; what it was is in `_event` and in the counter."""
        self._traps.event, self.counter.reason = "", counting.NOTHING
        if self.flash is not None:
            self.flash.cells.settle()
        if self._code_changed:
            self._code_changed = False
            self._skipped += self.counter.total
            self.uc.ctl_flush_tb()
            self.counter.forget_code()
            self._alignment.forget()
        pc = self.uc.reg_read(uc_arm.UC_ARM_REG_PC)
        try:
            self.uc.emu_start(pc | 1, until)
        except UcError as error:
            if not self._traps.event:
                self._traps.event = f"emulator error: {error}"

    def _handle_event(self) -> None:
        counter, event = self.counter, self._traps.event
        pc = self.uc.reg_read(uc_arm.UC_ARM_REG_PC) & ~1
        if isinstance(event, Fault):
            self.take_fault(event, pc)
        elif event == "return":
            fault = self._exceptions.leave(pc | 1)
            counter.forget_last()
            if fault:
                self.take_fault(fault, pc)
        elif event == "svc":
            if self._exceptions.priority(SVCALL) < self._exceptions.execution_priority():
                self._exceptions.pending.add(SVCALL)
            else:
                self.take_fault(Fault(USAGE_FAULT, 0, "SVC while its exception is masked"), pc)
        elif self.debug is not None and self.debug.is_breakpoint(event):
            counter.trim(pc)
            self.debug.halt("breakpoint")
        elif event == "breakpoint":
            counter.trim(pc)
            self._stop("breakpoint", "the firmware executed a breakpoint", pc)
        elif event:
            self._stop("internal", event, pc)
        elif counter.reason in _REFUSED:
            self._approach(pc)
        elif counter.reason == counting.UNALIGNED_NOW:
            self.take_fault(_UNALIGNED, counter.site)
        elif counter.reason == counting.RETRANSLATE:
            self._alignment.hook_sites(counter, pc)
        elif counter.reason == counting.FULL:
            self._stop("internal", "more blocks of instructions than the counter can hold", pc)
        elif counter.reason == counting.NOTHING and self._is_behind_wfi(pc):
            self._asleep = True

    def _approach(self, pc: int) -> None:
        """Runs a block up to the instruction that the counter refused, and takes its fault."""
        counter = self.counter
        reason, site = counter.reason, counter.site
        if pc < site:
            counter.deadline, counter.skip = counting.NEVER, 1
            self.uc.ctl_remove_cache(pc, site + 4)
            self._execute(site)
            if self._traps.event or self.uc.reg_read(uc_arm.UC_ARM_REG_PC) & ~1 != site:
                self._handle_event()  # something else came first
                return
        self.take_fault(_REFUSED[reason], site)

    def take_fault(self, fault: Fault, pc: int) -> None:
        """Enters the fault handler; the firmware may print its report, then it stops."""
        self.counter.trim(pc)
        self.counter.forget_last()
        if self.debug is not None and self.debug.catches(fault):
            self.uc.reg_write(uc_arm.UC_ARM_REG_PC, pc | 1)
            return
        first = self._facts("fault", fault.text, pc)
        if fault.address is not None:
            first["address"] = fault.address
        self._first_fault = self._first_fault or first
        self._last_words_until = min(self._last_words_until, self.counter.total + _LAST_WORDS)
        self.uc.reg_write(uc_arm.UC_ARM_REG_PC, pc | 1)
        try:
            self._exceptions.raise_fault(fault)
        except LockupError:
            self._first_fault["text"] += "; its handler faulted too, the core locked up"
            self._give_up()
        if self.debug is not None:
            self.debug.enter_fault(self._exceptions.active)

    def _take_interrupts(self) -> None:
        self._system.take_tick()
        if self.uart.interrupts():
            self._exceptions.pending.add(self._irq)
        else:
            self._exceptions.pending.discard(self._irq)
        if self._port is not None:  # one that is being handled is not looked at before its end
            asked = {FIRST_IRQ + irq for irq in self._port.interrupts()}
            self._exceptions.pending |= asked.difference(self._exceptions.all_active)
        if self._asleep and self._exceptions.wakes():
            self._asleep = False
        number = self._exceptions.next_pending()
        if self.debug is not None and self.debug.masks_interrupts:
            return
        if number is not None and self.stopped is None:
            self._masked = _MASKED
            self.counter.forget_last()
            try:
                self._exceptions.enter(number)
            except LockupError as error:
                self._stop("fault", str(error), self.uc.reg_read(uc_arm.UC_ARM_REG_PC))

    def _set_deadline(self) -> None:
        total = self.counter.total
        deadline = self._last_words_until
        for alarm in self._list_alarms():
            deadline = min(deadline, max(alarm - self._skipped, total + 1))
        if self._exceptions.pending:
            deadline = min(deadline, total + self._masked)
            self._masked = min(2 * self._masked, _MOST_MASKED)
        else:
            self._masked = _MASKED
        if total >= self._last_words_until:
            self._give_up()
        self.counter.deadline = deadline

    def _sleep(self) -> None:
        """WFI: time passes as on the wall until an interrupt or a message comes."""
        if self._last_words_until != counting.NEVER:
            self._give_up()
            return
        hertz, ends = self.family.core_clock_hz(), self._list_alarms()
        if not ends:
            self._pass_time(None)
        elif not self._pass_time(max(min(ends) - self.now(), 0) / hertz):
            self._skipped += max(min(ends) - self.now(), 0)

    def _list_alarms(self) -> list[int]:
        """When something happens without a message: cycles of timer, accelerator, watchdog."""
        system, port = self._system, self._port
        alarms = (
            system.tick_at if system.tick_interrupts else None,
            None if port is None else port.alarm(),
            self.family.watchdog_deadline(),
        )
        return [at for at in alarms if at is not None]

    def _skip(self, cycles: int) -> None:
        self._skipped += cycles

    def _look_for_bytes(self, idle: bool) -> None:
        """The firmware polls an empty receiver, `idle` if it has done nothing else for a while."""
        self._line.flush()
        self._line.take(self.uart.received, 0)
        if idle and not self.uart.received and not self._line.requests:
            self._pass_time(_NAP)
        if self._line.requests or self._system.tick_interrupts:
            self._kick()

    def _pass_time(self, timeout: float | None) -> bool:
        """Waits for a message; the time it takes, up to the timeout, counts as cycles."""
        start = time.monotonic()
        heard = self._line.take(self.uart.received, timeout)
        passed = time.monotonic() - start
        if timeout is not None:
            passed = min(passed, timeout)  # however late a busy machine wakes us
        self._skipped += int(passed * self.family.core_clock_hz())
        return heard

    def _on_message(self, kind: Kind) -> None:
        """In the receiving thread."""
        if kind is not Kind.UART or self.uart.wants_interrupt:
            self._kick()

    def _kick(self) -> None:
        # Stopping Unicorn inside a register access would execute the access twice: the counter
        # stops it at the next block.
        self.counter.kick()

    def _set_fpu(self, on: bool) -> None:
        self.counter.set_fpu(on)

    def _registers_changed(self) -> None:
        self.uart.recheck()
        self.memories.close_gates()

    def _violate(self, rule: str) -> None:
        pc = self.uc.reg_read(uc_arm.UC_ARM_REG_PC)
        if self.debug is not None and self.debug.is_at_work(pc):
            return
        if self.stopped is None:
            self._stop("violation", rule, pc)
            self._kick()

    def _request_reset(self) -> None:
        if self._last_words_until != counting.NEVER:
            self._give_up()
        elif self.stopped is None:
            self._stop(
                "reset", "the firmware reset the chip", self.uc.reg_read(uc_arm.UC_ARM_REG_PC)
            )
        self._kick()

    def _stop(self, reason: str, text: str, pc: int) -> None:
        if self._last_words_until != counting.NEVER and reason == "breakpoint":
            self._give_up()
        else:
            self.stopped = self._facts(reason, text, pc)
            if self.debug is not None:
                self.debug.report_stop(self.stopped)

    def _give_up(self) -> None:
        """The handler of a fault has said what it had to say."""
        self.stopped = self._first_fault
        if self.debug is not None and self.stopped is not None:
            self.debug.report_stop(self.stopped)

    def _facts(self, reason: str, text: str, pc: int) -> dict[str, Any]:
        read = self.uc.reg_read
        return {
            "reason": reason,
            "text": text,
            "pc": pc & ~1,
            "lr": read(uc_arm.UC_ARM_REG_LR),
            "sp": read(uc_arm.UC_ARM_REG_SP),
            "instructions": self.counter.total,
        }

    def _is_behind_wfi(self, pc: int) -> bool:
        return any(self.memories.read(pc - len(code), len(code)) == code for code in _WFI)
