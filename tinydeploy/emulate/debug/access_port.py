"""The debug port and its access ports, which reach the chip's bus (ADIv5, chapters B and C)."""

from __future__ import annotations

from typing import TYPE_CHECKING

from tinydeploy.emulate.debug.identity import Identity

if TYPE_CHECKING:  # it loads Unicorn, which the parent of the emulator's process must not
    from tinydeploy.emulate.debug.probe_memory import ProbeMemory

_CTRL_STAT, _SELECT, _RDBUFF = 4, 8, 12
_STICKYORUN, _STICKYCMP, _STICKYERR = 1 << 1, 1 << 4, 1 << 5
_POWER_REQUESTS = 1 << 28 | 1 << 30
_CSW, _TAR, _DRW, _BD0, _BD3, _CFG, _BASE, _IDR = 0x00, 0x04, 0x0C, 0x10, 0x1C, 0xF4, 0xF8, 0xFC
_ENABLED = 1 << 6
_INCREMENT = 0x30
_SINGLE = 0x10
_ROM_TABLE = 0xE00FF003
_APB_PORT, _APB_IDR = 2, 0x54770002


class TransferError(Exception):
    """An access that nothing answered; the debug port remembers it until it is cleared."""


class DebugPort:
    """A debug port with the access port to the core's bus, and the H7's one to the debug bus.

    Args:
        memory: The chip's bus.
        identity: The chip's identification.
    """

    def __init__(self, memory: ProbeMemory, identity: Identity) -> None:
        self._memory, self._identity = memory, identity
        self._select, self._control = 0, 0
        self._csw = {0: 0x23000042, _APB_PORT: 0x80000042}
        self._tar = {0: 0, _APB_PORT: 0}
        self._debug_bus: dict[int, int] = {}
        if identity.apb is not None:
            self._debug_bus[identity.apb] = identity.system[1]

    def read_port(self, register: int) -> int:
        """Reads one of the debug port's own registers (0, 4, 8, 12)."""
        if register == 0:
            return self._identity.port
        if register == _CTRL_STAT and not self._select & 15:
            return self._control | (self._control & _POWER_REQUESTS) << 1
        return 0

    def write_port(self, register: int, value: int) -> None:
        """Writes one of the debug port's own registers."""
        if register == 0 and value & 4:  # ABORT.STKERRCLR; JTAG clears the flag where it is read
            self._control &= ~_STICKYERR
        elif register == _CTRL_STAT and not self._select & 15:
            sticky = self._control & (_STICKYORUN | _STICKYCMP | _STICKYERR)
            self._control = sticky & ~value | value & _POWER_REQUESTS
        elif register == _SELECT:
            self._select = value

    def read_access(self, register: int) -> int:
        """Reads a register of the selected access port.

        Raises:
            TransferError: Nothing answers, or an earlier error has not been cleared.
        """
        port, at = self._find(register)
        if self._control & _STICKYERR:
            raise TransferError
        if port not in self._csw or (port == _APB_PORT and self._identity.apb is None):
            return 0
        if at == _IDR:
            return self._identity.access if port == 0 else _APB_IDR
        if at == _BASE:
            return _ROM_TABLE if port == 0 else 0xFFFFFFFF
        if at == _CSW:
            return self._csw[port] | _ENABLED
        if at == _TAR:
            return self._tar[port]
        if at == _DRW:
            size = 1 << (self._csw[port] & 7)
            address = self._tar[port]
            value = self._read(port, address, size) << 8 * (address & 3)
            self._advance(port, size)
            return value & 0xFFFFFFFF
        if _BD0 <= at <= _BD3:
            return self._read(port, (self._tar[port] & ~15) + at - _BD0, 4)
        return 0

    def write_access(self, register: int, value: int) -> None:
        """Writes a register of the selected access port.

        Raises:
            TransferError: Nothing answers, or an earlier error has not been cleared.
        """
        port, at = self._find(register)
        if self._control & _STICKYERR:
            raise TransferError
        if port not in self._csw:
            return
        if at == _CSW:
            # Packed transfers are an option that this port does not have.
            self._csw[port] = value & ~0x20
        elif at == _TAR:
            self._tar[port] = value
        elif at == _DRW:
            size = 1 << (self._csw[port] & 7)
            address = self._tar[port]
            lanes = value >> 8 * (address & 3) & (1 << 8 * size) - 1
            self._write(port, address, lanes, size)
            self._advance(port, size)
        elif _BD0 <= at <= _BD3:
            self._write(port, (self._tar[port] & ~15) + at - _BD0, value, 4)

    def _find(self, register: int) -> tuple[int, int]:
        return self._select >> 24, self._select & 0xF0 | register & 12

    def _read(self, port: int, address: int, size: int) -> int:
        if port == _APB_PORT:
            return self._debug_bus.get(address, 0)
        data = self._memory.read(address, size)
        if data is None:
            self._fail()
        return int.from_bytes(data or b"", "little")

    def _write(self, port: int, address: int, value: int, size: int) -> None:
        if port == _APB_PORT:
            if address != self._identity.apb:
                self._debug_bus[address] = value
        elif not self._memory.write(address, value.to_bytes(size, "little")):
            self._fail()

    def _advance(self, port: int, size: int) -> None:
        if self._csw[port] & _INCREMENT == _SINGLE:
            address = self._tar[port]
            within = self._identity.page - 1
            self._tar[port] = address & ~within | (address + size) & within

    def _fail(self) -> None:
        self._control |= _STICKYERR
        raise TransferError
