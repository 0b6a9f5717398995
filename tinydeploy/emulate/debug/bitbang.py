"""OpenOCD's remote_bitbang protocol: each character sets or reads JTAG pins.

Behind the pins: the core's test access port (JTAG-DP, ADIv5 chapter B3), and the boundary scan port
of STM32 chips in the same chain, which only identifies itself.
"""

from __future__ import annotations

from collections.abc import Callable

from tinydeploy.emulate.debug.access_port import DebugPort, TransferError
from tinydeploy.emulate.debug.identity import Identity

# Next state by TMS (IEEE 1149.1, figure 6-1).
_NEXT = {
    "reset": ("idle", "reset"),
    "idle": ("idle", "select-dr"),
    "select-dr": ("capture-dr", "select-ir"),
    "capture-dr": ("shift-dr", "exit1-dr"),
    "shift-dr": ("shift-dr", "exit1-dr"),
    "exit1-dr": ("pause-dr", "update-dr"),
    "pause-dr": ("pause-dr", "exit2-dr"),
    "exit2-dr": ("shift-dr", "update-dr"),
    "update-dr": ("idle", "select-dr"),
    "select-ir": ("capture-ir", "reset"),
    "capture-ir": ("shift-ir", "exit1-ir"),
    "shift-ir": ("shift-ir", "exit1-ir"),
    "exit1-ir": ("pause-ir", "update-ir"),
    "pause-ir": ("pause-ir", "exit2-ir"),
    "exit2-ir": ("shift-ir", "update-ir"),
    "update-ir": ("idle", "select-dr"),
}
_ABORT, _DPACC, _APACC, _IDCODE = 0x8, 0xA, 0xB, 0xE
_IR_BITS, _BOUNDARY_IR_BITS = 4, 5
_BOUNDARY_IDCODE = 1
_LENGTHS = {_ABORT: 35, _DPACC: 35, _APACC: 35, _IDCODE: 32}
_OK = 2


class _Chain:
    """The two test access ports in a row."""

    def __init__(self, port: DebugPort, identity: Identity) -> None:
        self._port, self._identity = port, identity
        self._result = 0
        self._register, self._length = 0, 1
        self.reset()

    def reset(self) -> None:
        """Test logic reset."""
        self._state = "reset"
        self._instruction, self._boundary = _IDCODE, _BOUNDARY_IDCODE

    def clock(self, tms: int, tdi: int) -> None:
        """A rising edge of TCK."""
        state = self._state
        if state in ("shift-dr", "shift-ir"):
            self._register = self._register >> 1 | tdi << self._length - 1
        elif state == "capture-ir":
            self._register = 1 | 1 << _IR_BITS
            self._length = _IR_BITS + _BOUNDARY_IR_BITS
        elif state == "capture-dr":
            self._capture()
        self._state = state = _NEXT[state][tms]
        if state == "reset":
            self.reset()
        elif state == "update-ir":
            self._instruction = self._register & (1 << _IR_BITS) - 1
            self._boundary = self._register >> _IR_BITS
        elif state == "update-dr":
            self._update(self._register & (1 << 35) - 1)

    @property
    def tdo(self) -> int:
        """The output pin."""
        return self._register & 1 if self._state.startswith("shift") else 1

    def _capture(self) -> None:
        length = _LENGTHS.get(self._instruction, 1)
        value = {32: self._identity.tap, 35: _OK | self._result << 3, 1: 0}[length]
        identifies = self._boundary == _BOUNDARY_IDCODE
        self._register = value | (self._identity.boundary if identifies else 0) << length
        self._length = length + (32 if identifies else 1)

    def _update(self, value: int) -> None:
        if self._instruction not in (_DPACC, _APACC):
            return
        reads, register, data = value & 1, (value >> 1 & 3) << 2, value >> 3
        port = self._port
        try:
            if self._instruction == _APACC:
                if reads:
                    self._result = port.read_access(register)
                else:
                    port.write_access(register, data)
            elif not reads:
                port.write_port(register, data)
            elif register != 12:  # RDBUFF: the result of the last access is shifted out once more
                self._result = port.read_port(register)
        except TransferError:
            self._result = 0


class RemoteBitbang:
    """Speaks the protocol on one connection.

    Args:
        port: The debug port.
        identity: The chip's identification.
        reset: Called when the reset line is released.
    """

    def __init__(self, port: DebugPort, identity: Identity, reset: Callable[[], None]) -> None:
        self._chain = _Chain(port, identity)
        self._reset = reset
        self._tck = 0
        self._in_reset = False

    def close(self) -> None:
        """The connection has ended; the core stays as the tool has left it."""

    def feed(self, data: bytes) -> bytes | None:
        """Takes what the host sends; returns what it gets back, None to end the connection."""
        chain, answer = self._chain, bytearray()
        for character in data:
            if 0x30 <= character <= 0x37:  # "0" to "7": TCK, TMS, TDI
                pins = character - 0x30
                if pins & 4 and not self._tck:
                    chain.clock(pins >> 1 & 1, pins & 1)
                self._tck = pins & 4
            elif character == 0x52:  # "R": read TDO
                answer.append(0x30 + chain.tdo)
            elif 0x72 <= character <= 0x75:  # "r" to "u": the reset lines
                lines = character - 0x72
                if lines & 2:
                    chain.reset()
                if self._in_reset and not lines & 1:
                    self._reset()
                self._in_reset = bool(lines & 1)
            elif character == 0x51:  # "Q"
                return None
        return bytes(answer)
