"""TinyNPU's end of the link where that is an SD bus: an SDIO card of one function.

docs/tinynpu.md, "The SDIO twin". The frames, and what becomes of them, are LinkDevice's.
"""

from __future__ import annotations

import enum
from typing import Final, Protocol

from tinydeploy.npu.link import CRC_BYTES, HEADER_BYTES
from tinydeploy.npu.link_device import TURN_NS
from tinydeploy.npu.sdio import (
    ACCEPTED,
    REFUSED,
    Sdio,
    open_block,
    pack_plain_response,
    pack_response,
    parse_command,
    seal_block,
)

BLOCK = 1024  # bytes of each block, request or answer
SDIO_PIECE = BLOCK - HEADER_BYTES - CRC_BYTES  # of programs, images and results
RELATIVE_ADDRESS = 0x0001
OCR = 0xFF8000  # 2.7 to 3.6 V

# Registers of function 0, the card's common ones (CCCR), and of function 1's (FBR).
IO_ENABLE, IO_READY, IO_ABORT, BUS_CONTROL, SPEED = 0x02, 0x03, 0x06, 0x07, 0x13
BLOCK_SIZE = 0x110  # of function 1, two bytes
FUNCTION_1 = 1 << 1  # in IO_ENABLE and IO_READY
RESET = 1 << 3  # in IO_ABORT; the function to abort stands in bits 0 to 2
WIDE, WIDTH = 2, 3  # in BUS_CONTROL: four lines, and the field
HIGH_SPEED = 1 << 1  # in SPEED; bit 0 says that there is one

_FIXED = {0x00: 0x43, 0x01: 0x03, 0x08: 0x01, 0x0A: 0x10, 0x10A: 0x10}
_WRITABLE = {IO_ENABLE: FUNCTION_1, BUS_CONTROL: 0x80 | WIDTH, SPEED: HIGH_SPEED}
_CIS, _CIS_END = 0x1000, 0xFF
_FUNCTION_0_END = 0x2000

# Flags of R5, and of R1 and R6 with them.
_CRC_ERROR, _ILLEGAL, _ERROR, _BAD_FUNCTION, _OUT_OF_RANGE = 0x80, 0x40, 0x08, 0x02, 0x01
_COMMAND_STATE, _TRANSFER_STATE = 0x10, 0x20  # IO_CURRENT_STATE


class Behind(Protocol):
    """What is behind the bus; see LinkDevice."""

    def reset(self, now: int) -> None:
        """Everything is forgotten."""

    def ready_at(self) -> int:
        """When it goes on, in nanoseconds."""

    def select(self, now: int) -> None:
        """A transaction begins."""

    def shift(self, data: bytes) -> bytes:
        """Its bytes, in both directions."""

    def deselect(self, now: int) -> None:
        """It ends."""


class _State(enum.Enum):
    """Of the card, as far as commands are concerned."""

    IDLE = enum.auto()  # until CMD5 has found it ready
    INITIALIZED = enum.auto()  # until CMD3
    STANDBY = enum.auto()  # has an address
    SELECTED = enum.auto()


class SdioCard:
    """The card.

    Args:
        device: Made for pieces of SDIO_PIECE bytes.
    """

    def __init__(self, device: Behind) -> None:
        self._device: Final = device
        self._state = _State.IDLE
        self._registers: dict[int, int] = {}
        self._flags = 0  # errors of commands that had no response
        self._transfer = ""  # "write" or "read" where CMD53 has asked for a block
        self._busy_until = 0

    def reset(self, now: int) -> None:
        """RESET is released, or the supply is back."""
        self._device.reset(now)
        self._forget()

    def command(self, token: bytes, now: int) -> bytes | None:
        """Takes a command; the response, or None where the card gives none.

        Args:
            token: Its six bytes.
            now: When it ends, in nanoseconds.
        """
        parsed = parse_command(token)
        if parsed is None:
            self._flags |= _CRC_ERROR
            return None
        index, argument = parsed
        match index:
            case Sdio.IO_SEND_OP_COND if self._state is not _State.SELECTED:
                ready = now >= self._device.ready_at()
                if ready and argument & OCR:
                    self._state = _State.INITIALIZED
                return pack_plain_response(ready << 31 | 1 << 28 | OCR)
            case Sdio.SEND_RELATIVE_ADDR if self._state in (_State.INITIALIZED, _State.STANDBY):
                self._state = _State.STANDBY
                return pack_response(index, RELATIVE_ADDRESS << 16 | self._take_flags() << 8)
            case Sdio.SELECT_CARD if self._state in (_State.STANDBY, _State.SELECTED):
                if argument >> 16 != RELATIVE_ADDRESS:
                    self._state = _State.STANDBY
                    return None
                self._state = _State.SELECTED
                return pack_response(index, self._take_flags() << 16)
            case Sdio.IO_RW_DIRECT if self._state is _State.SELECTED:
                return self._access(argument, now)
            case Sdio.IO_RW_EXTENDED if self._state is _State.SELECTED:
                return self._begin(argument, now)
        self._flags |= _ILLEGAL
        return None

    def take_block(self, wire: bytes, now: int) -> int | None:
        """Takes a block behind CMD53; its CRC status, or None where none was asked for.

        A right one is executed. DAT0 is low until busy_until().

        Args:
            wire: With its CRC.
            now: When it ends, in nanoseconds.
        """
        if self._transfer != "write":
            return None
        self._transfer = ""
        data = open_block(wire)
        if data is None:
            return REFUSED
        self._device.select(now)
        self._device.shift(data)
        self._device.deselect(now)
        self._busy_until = now + TURN_NS
        return ACCEPTED

    def give_block(self, now: int) -> bytes | None:
        """A block behind CMD53, with its CRC; None where none was asked for, or not yet.

        Args:
            now: When it begins, not before ready_at(), in nanoseconds.
        """
        if self._transfer != "read" or now < self._device.ready_at():
            return None
        self._transfer = ""
        self._device.select(now)
        data = self._device.shift(bytes(BLOCK))
        self._device.deselect(now)
        return seal_block(data)

    def busy_until(self) -> int | None:
        """When DAT0 rises behind a written block, in nanoseconds; None: never."""
        return self._busy_until

    def ready_at(self) -> int | None:
        """When a block begins that is asked for, in nanoseconds; None: never."""
        return self._device.ready_at()

    def lines(self) -> int:
        """How many carry data: 1 or 4."""
        return 4 if self._registers.get(BUS_CONTROL, 0) & WIDTH == WIDE else 1

    def is_fast(self) -> bool:
        """Whether it takes clocks beyond 25 MHz."""
        return bool(self._registers.get(SPEED, 0) & HIGH_SPEED)

    def _forget(self) -> None:
        self._state = _State.IDLE
        self._registers.clear()
        self._flags, self._transfer, self._busy_until = 0, "", 0

    def _take_flags(self) -> int:
        """Errors of commands that had no response; they are told once."""
        flags, self._flags = self._flags, 0
        return flags

    def _answer(self, index: int, flags: int, data: int = 0) -> bytes:
        state = _TRANSFER_STATE if self._transfer else _COMMAND_STATE
        return pack_response(index, (self._take_flags() | flags | state) << 8 | data)

    def _access(self, argument: int, now: int) -> bytes:
        """CMD52: reads or writes one register."""
        index = Sdio.IO_RW_DIRECT
        writes, function = argument >> 31, argument >> 28 & 7
        address, data = argument >> 9 & 0x1FFFF, argument & 0xFF
        if function > 1:
            return self._answer(index, _BAD_FUNCTION)
        if function == 1 or address >= _FUNCTION_0_END:
            return self._answer(index, _OUT_OF_RANGE)
        if not writes:
            return self._answer(index, 0, self._read(address))
        if address == IO_ABORT:
            self._transfer = ""
            if data & RESET:
                self._device.reset(now)
                self._forget()
            return self._answer(index, 0, data)
        mask = 0xFF if address in (BLOCK_SIZE, BLOCK_SIZE + 1) else _WRITABLE.get(address, 0)
        self._registers[address] = data & mask
        return self._answer(index, 0, self._read(address) if argument >> 27 & 1 else data)

    def _read(self, address: int) -> int:
        """A register of function 0."""
        if address >= _CIS:
            return _CIS_END
        if address == IO_READY:
            return self._registers.get(IO_ENABLE, 0)
        if address == SPEED:
            return self._registers.get(SPEED, 0) | 1
        return _FIXED.get(address, self._registers.get(address, 0))

    def _begin(self, argument: int, now: int) -> bytes:
        """CMD53: a block will follow."""
        index = Sdio.IO_RW_EXTENDED
        size = self._read(BLOCK_SIZE) | self._read(BLOCK_SIZE + 1) << 8
        writes, function, block_mode = argument >> 31, argument >> 28 & 7, argument >> 27 & 1
        address, count = argument >> 9 & 0x1FFFF, argument & 0x1FF
        if function != 1:
            return self._answer(index, _BAD_FUNCTION)
        if address or argument >> 26 & 1:
            return self._answer(index, _OUT_OF_RANGE)
        enabled = self._read(IO_READY) & FUNCTION_1
        fits = block_mode and count == 1 and size == BLOCK and self.lines() == 4
        busy = writes and now < self._device.ready_at()
        if not enabled or not fits or busy:
            return self._answer(index, _ERROR)
        self._transfer = "write" if writes else "read"
        return self._answer(index, 0)
