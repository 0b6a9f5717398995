"""The chip's bus as a debug probe sees it: debug registers, identification, everything else.

Debug registers: ARMv7-M ARM, C1.6 (core debug) and C1.11 (flash patch and breakpoint unit).
"""

from __future__ import annotations

from tinydeploy.emulate import system
from tinydeploy.emulate.debug.core import CoreDebug
from tinydeploy.emulate.debug.identity import Identity

_DHCSR, _DCRSR, _DCRDR, _DEMCR, _DFSR = 0xE000EDF0, 0xE000EDF4, 0xE000EDF8, 0xE000EDFC, 0xE000ED30
_FP_CTRL, _FP_REMAP, _FP_COMP = 0xE0002000, 0xE0002004, 0xE0002008
_KEY = 0xA05F
_DEBUGEN, _HALT, _STEP, _MASKINTS = 1, 2, 4, 8
_REGRDY, _S_HALT, _LOCKUP, _RETIRED, _RESET = 1 << 16, 1 << 17, 1 << 19, 1 << 24, 1 << 25
_CORERESET = 1
# DFSR by cause.
_CAUSES = {"request": 1, "step": 1, "breakpoint": 2, "vector": 8, "fault": 8}


class ProbeMemory:
    """Reads and writes on behalf of a debug probe.

    Args:
        debug: The core under debug.
        identity: The chip's identification.
    """

    def __init__(self, debug: CoreDebug, identity: Identity) -> None:
        self._debug = debug
        self._words = identity.words
        self._control = identity.breakpoints
        self._comparators = [0] * (identity.breakpoints >> 4 & 15)
        self._data = 0
        self._catch = 0
        self._cause = 0
        self._steps = False
        debug.on_halt.append(self._on_halt)

    def reset(self, *, halt: bool = False) -> None:
        """The reset line, or a system reset; the core stands afterwards if DEMCR says so."""
        caught = self._debug.enabled and self._catch & _CORERESET
        self._debug.reset(halt=bool(caught) or halt)

    def leave(self) -> None:
        """The tool has gone: a core that it left running is no longer under debug.

        Tools leave DEMCR as they have used it, and faults would halt the core for nobody to see.
        """
        debug = self._debug
        if not debug.halted and not debug.catch_faults:
            debug.enabled = debug.masks_interrupts = False

    def read(self, address: int, size: int) -> bytes | None:
        """Reads 1, 2, 4 or more bytes; None where nothing answers."""
        word = self._read_word(address & ~3)
        if word is None:
            return self._debug.read_memory(address, size)
        return word.to_bytes(4, "little")[address & 3 :][:size]

    def _read_word(self, address: int) -> int | None:
        """The word of a debug register or identification at an address; None for others."""
        debug = self._debug
        if address in self._words:
            return self._words[address]
        if address == _DHCSR:
            value = debug.enabled * _DEBUGEN | debug.masks_interrupts * _MASKINTS
            value |= self._steps * _STEP | _REGRDY | _RETIRED
            value |= debug.halted * (_HALT | _S_HALT)
            value |= (not debug.halted and not debug.may_run()) * _LOCKUP
            value |= debug.was_reset * _RESET
            debug.was_reset = False
            return value
        if address == _DCRSR:
            return 0
        if address == _DCRDR:
            return self._data
        if address == _DEMCR:
            stored = int.from_bytes(debug.read_memory(address, 4) or b"", "little")
            return stored & 1 << 24 | self._catch
        if address == _DFSR:
            return self._cause
        if address == _FP_CTRL:
            return self._control
        if address == system.DWT_CTRL:  # without comparators: data watchpoints are not modelled
            stored = int.from_bytes(debug.read_memory(address, 4) or b"", "little")
            return stored & 0x0FFFFFFF
        number = address - _FP_COMP >> 2
        if 0 <= number < len(self._comparators):
            return self._comparators[number]
        return None

    def write(self, address: int, data: bytes) -> bool:
        """Writes 1, 2 or 4 bytes; False where nothing answers."""
        value = int.from_bytes(data, "little")
        number = address - _FP_COMP >> 2
        if address == _DHCSR:
            self._write_halting(value)
        elif address == _DCRSR:
            self._transfer(value)
        elif address == _DCRDR:
            self._data = value
        elif address == _DFSR:
            self._cause &= ~value
        elif address == _FP_CTRL:
            if value & 2:
                self._control = self._control & ~1 | value & 1
                self._set_breakpoints()
        elif 0 <= number < len(self._comparators) and address >= _FP_COMP:
            self._comparators[number] = value
            self._set_breakpoints()
        elif address == system.AIRCR and value >> 16 == 0x05FA and value & 5:
            self.reset()
        else:
            if address == _DEMCR:
                self._catch = value & 0x7F1
                self._debug.vector_catch = self._catch
            return self._debug.write_memory(address, data)
        return True

    def _write_halting(self, value: int) -> None:
        debug = self._debug
        if value >> 16 != _KEY:
            return
        debug.enabled = bool(value & _DEBUGEN)
        debug.masks_interrupts = debug.enabled and bool(value & _MASKINTS)
        self._steps = debug.enabled and bool(value & _STEP)
        if not debug.enabled:
            debug.resume()
        elif value & _HALT:
            debug.take_over()
        elif debug.halted and self._steps:
            debug.step()
        else:
            debug.resume()

    def _transfer(self, value: int) -> None:
        number = value & 0x7F
        if value & 1 << 16:
            self._debug.write_register(number, self._data)
        else:
            self._data = self._debug.read_register(number)

    def _set_breakpoints(self) -> None:
        wanted = set()
        if self._control & 1:
            for value in self._comparators:
                if value & 1:
                    wanted |= self._addresses(value)
        for address in set(self._debug.breakpoints) - wanted:
            self._debug.clear_breakpoint(address)
        for address in wanted:
            self._debug.set_breakpoint(address)

    def _addresses(self, comparator: int) -> set[int]:
        if self._control >> 28:  # revision 1 of the unit, which the Cortex-M7 has
            return {comparator & ~1}
        word = comparator & 0x1FFFFFFC
        halves = comparator >> 30
        return {word + 2 * half for half in (0, 1) if halves >> half & 1}

    def _on_halt(self, cause: str) -> None:
        self._cause |= _CAUSES[cause]
