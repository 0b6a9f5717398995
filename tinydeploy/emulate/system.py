"""The private peripheral bus: SysTick, NVIC, system control block, DWT cycle counter.

Time is counted in executed instructions: SysTick and DWT's CYCCNT advance by one per instruction,
plus the time the core sleeps. MPU, cache and debug registers are storage without effect.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping

from tinydeploy.emulate.exceptions import (
    BUS_FAULT,
    FIRST_IRQ,
    MEM_MANAGE,
    PENDSV,
    SVCALL,
    SYSTICK,
    USAGE_FAULT,
    Exceptions,
)

BASE, SIZE = 0xE0000000, 0x100000

DWT_CTRL, DWT_CYCCNT, DWT_LAR = 0xE0001000, 0xE0001004, 0xE0001FB0
SYST_CSR, SYST_RVR, SYST_CVR, SYST_CALIB = 0xE000E010, 0xE000E014, 0xE000E018, 0xE000E01C
ICSR, VTOR, AIRCR, CCR = 0xE000ED04, 0xE000ED08, 0xE000ED0C, 0xE000ED14
SHPR, SHCSR, CFSR, HFSR, MMFAR, BFAR = (
    0xE000ED18,
    0xE000ED24,
    0xE000ED28,
    0xE000ED2C,
    0xE000ED34,
    0xE000ED38,
)
CPUID, CCSIDR, CPACR, MPU_TYPE, DEMCR = 0xE000ED00, 0xE000ED80, 0xE000ED88, 0xE000ED90, 0xE000EDFC
FPCCR = 0xE000EF34
ISER, ICER, ISPR, ICPR, IPR = 0xE000E100, 0xE000E180, 0xE000E200, 0xE000E280, 0xE000E400

# Identification per core: CPUID, CCSIDR of the data cache, MVFR0/1 at 0xE000EF40/44. Chips whose
# core is another revision, or has another cache or FPU, say so themselves.
_CONSTANTS = {
    "cortex-m7": {
        CPUID: 0x411FC271,
        CCSIDR: 0xF00FE019,
        MPU_TYPE: 0x1000,
        0xE000EF40: 0x10110221,
        0xE000EF44: 0x12000011,
    },
    "cortex-m4": {
        CPUID: 0x410FC241,
        CCSIDR: 0,
        MPU_TYPE: 0x800,
        0xE000EF40: 0x10110021,
        0xE000EF44: 0x11000011,
    },
}
_UNLOCK = 0xC5ACCE55


class SystemSpace:
    """Registers of the private peripheral bus.

    Args:
        cpu: "cortex-m4" or "cortex-m7".
        identification: Registers that identify this chip's core, where they are not the usual ones.
        exceptions: The core's exception state.
        now: Core clock cycles since reset, by the emulator's reckoning.
        changed: Called when interrupts or timers may have to be looked at before the next block.
        set_fpu: Called with whether CPACR allows floating-point instructions.
        reset: Called when the firmware asks for a system reset.
    """

    def __init__(
        self,
        cpu: str,
        identification: Mapping[int, int],
        exceptions: Exceptions,
        now: Callable[[], int],
        changed: Callable[[], None],
        set_fpu: Callable[[bool], None],
        reset: Callable[[], None],
    ) -> None:
        self._exceptions, self._now, self._changed = exceptions, now, changed
        self._set_fpu, self._reset = set_fpu, reset
        self._constants = {**_CONSTANTS[cpu], **identification}
        self._storage = {CCR: 0x40000 if cpu == "cortex-m7" else 0x200, FPCCR: 0xC0000000}
        self._locked = (
            cpu == "cortex-m7"
        )  # DWT of the M7 wants its lock access register written first
        self._cycles_from: int | None = None  # CYCCNT is 0 at this time while it runs
        self._cycles = 0  # CYCCNT while it stands
        self.tick_at: int | None = None  # when SysTick next reaches zero
        self._tick_flag = False

    def take_tick(self) -> None:
        """Handles SysTick having reached zero."""
        now = self._now()
        if self.tick_at is None or now < self.tick_at:
            return
        period = self._storage.get(SYST_RVR, 0) + 1
        self.tick_at += ((now - self.tick_at) // period + 1) * period
        self._tick_flag = True
        if self._storage.get(SYST_CSR, 0) & 2:
            self._exceptions.pending.add(SYSTICK)

    @property
    def tick_interrupts(self) -> bool:
        """Whether SysTick's zero raises an exception."""
        return self.tick_at is not None and bool(self._storage.get(SYST_CSR, 0) & 2)

    def read(self, address: int) -> int:
        """Reads the word at an address."""
        exceptions = self._exceptions
        if address == DWT_CYCCNT:
            running = self._cycles_from
            return (self._cycles if running is None else self._now() - running) & 0xFFFFFFFF
        if address in self._constants:
            return self._constants[address]
        if address == SYST_CSR:
            flag, self._tick_flag = self._tick_flag, False
            return self._storage.get(SYST_CSR, 0) | flag << 16
        if address == SYST_CVR:
            if self.tick_at is None:
                return 0
            return (self.tick_at - self._now()) % (self._storage.get(SYST_RVR, 0) + 1)
        if address == ICSR:
            pending = min(exceptions.pending, default=0)
            bits = (PENDSV in exceptions.pending) << 28 | (SYSTICK in exceptions.pending) << 26
            return bits | pending << 12 | exceptions.active
        if address == DWT_CTRL:
            return 0x40000000 | self._storage.get(DWT_CTRL, 0) & 0x0FFFFFFF
        if address == SHCSR:
            return exceptions.fault_enables | self._active_bits()
        named = {
            VTOR: exceptions.vectors,
            CFSR: exceptions.cfsr,
            HFSR: exceptions.hfsr,
            MMFAR: exceptions.mmfar,
            BFAR: exceptions.bfar,
        }
        if address in named:
            return named[address]
        if ISER <= address < ISER + 64 or ICER <= address < ICER + 64:
            return _bits(exceptions.enabled, 8 * (address & 0x3C))
        if ISPR <= address < ISPR + 64 or ICPR <= address < ICPR + 64:
            return _bits({n - FIRST_IRQ for n in exceptions.pending}, 8 * (address & 0x3C))
        return self._storage.get(address, 0)

    def write(self, address: int, value: int) -> None:
        """Writes the word at an address."""
        exceptions = self._exceptions
        if self._locked and address in (DWT_CTRL, DWT_CYCCNT):
            return
        self._storage[address] = value
        if address in (SYST_CSR, SYST_RVR, SYST_CVR):
            self._write_systick(address, value)
        elif address in (DWT_CTRL, DWT_CYCCNT, DWT_LAR, DEMCR):
            self._write_dwt(address, value)
        elif address == VTOR:
            exceptions.vectors = value & 0xFFFFFF80
        elif address == AIRCR:
            if value >> 16 == 0x05FA and value & 4:
                self._reset()
        elif address == ICSR:
            if value & 1 << 28:
                exceptions.pending.add(PENDSV)
            if value & 1 << 27:
                exceptions.pending.discard(PENDSV)
            if value & 1 << 25:
                exceptions.pending.discard(SYSTICK)
        elif address == SHCSR:
            exceptions.fault_enables = value & 0x70000
        elif address == CFSR:
            exceptions.cfsr &= ~value
        elif address == HFSR:
            exceptions.hfsr &= ~value
        elif address == CPACR:
            self._set_fpu(value >> 20 & 15 == 15 or value >> 20 & 15 == 5)
        else:
            self._write_nvic(address, value)
        self._changed()

    def _write_systick(self, address: int, value: int) -> None:
        storage = self._storage
        if address == SYST_RVR:
            storage[SYST_RVR] = value & 0xFFFFFF
            return
        if address == SYST_CSR:
            storage[SYST_CSR] = value & 7
            if bool(value & 1) == (self.tick_at is not None):
                return
        period = storage.get(SYST_RVR, 0) + 1
        running = storage.get(SYST_CSR, 0) & 1 and period > 1
        self.tick_at = self._now() + period if running else None

    def _write_dwt(self, address: int, value: int) -> None:
        storage = self._storage
        if address == DWT_LAR:
            self._locked = self._locked and value != _UNLOCK
        runs = bool(storage.get(DWT_CTRL, 0) & 1 and storage.get(DEMCR, 0) >> 24 & 1)
        if self._cycles_from is not None:
            self._cycles = self._now() - self._cycles_from
        if address == DWT_CYCCNT:
            self._cycles = value
        self._cycles_from = self._now() - self._cycles if runs else None

    def _write_nvic(self, address: int, value: int) -> None:
        exceptions = self._exceptions
        bank = 8 * (address & 0x3C)
        named = {bank + bit for bit in range(32) if value >> bit & 1}
        if ISER <= address < ISER + 64:
            exceptions.enabled |= named
        elif ICER <= address < ICER + 64:
            exceptions.enabled -= named
        elif ISPR <= address < ISPR + 64:
            exceptions.pending |= {FIRST_IRQ + n for n in named}
        elif ICPR <= address < ICPR + 64:
            exceptions.pending -= {FIRST_IRQ + n for n in named}
        elif IPR <= address < IPR + 240:
            for byte in range(4):
                number = FIRST_IRQ + address - IPR + byte
                exceptions.priorities[number] = value >> 8 * byte & 0xF0
        elif SHPR <= address < SHPR + 12:
            for byte in range(4):
                exceptions.priorities[4 + address - SHPR + byte] = value >> 8 * byte & 0xF0

    def _active_bits(self) -> int:
        bits = {MEM_MANAGE: 0, BUS_FAULT: 1, USAGE_FAULT: 3, SVCALL: 7, PENDSV: 10, SYSTICK: 11}
        return sum(1 << bits[n] for n in set(self._exceptions.all_active) if n in bits)


def _bits(numbers: set[int], first: int) -> int:
    return sum(1 << n - first for n in numbers if first <= n < first + 32)
