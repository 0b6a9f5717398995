"""TinyNPU's end of the link: a state machine that is fed with bytes, as the hardware would be.

Time is given by whoever feeds it, in nanoseconds of one clock that never goes back.
"""

from __future__ import annotations

import struct
from dataclasses import dataclass, field
from typing import Final

from tinydeploy.errors import ProgramError, TrapError
from tinydeploy.npu.device import Accelerator
from tinydeploy.npu.link import (
    ANSWER,
    ANSWERED,
    CHUNK,
    FRAME_BYTES,
    IDENTITY,
    MISSING_BYTES,
    PROTOCOL_VERSION,
    REQUEST,
    Command,
    LinkFrame,
    Status,
    pack_frame,
    parse_frame,
)

CLOCK_HZ = 250_000_000
IMAGE_BYTES = 256 * 1024  # of each of the two image ports
PROGRAM_BYTES = 992 * 1024
SLOTS = 2  # image ports, and result ports; a frame's is the one of its number modulo 2

# Times of the link's own logic, in nanoseconds.
BOOT_NS = 100_000  # from the end of a reset until READY rises
TURN_NS = 1_000  # from the end of a transaction until READY rises
LOAD_NS_PER_BYTE = 4  # a program is checked and unpacked at one byte per cycle of 250 MHz

_CYCLE_NS = 1_000_000_000 // CLOCK_HZ


@dataclass
class _Store:
    """Bytes that arrive in pieces of `piece`, the last one shorter, in any order."""

    room: int
    piece: int
    pieces: dict[int, bytes] = field(default_factory=dict)

    def put(self, offset: int, data: bytes) -> bool:
        """Keeps a piece; whether it may lie there."""
        if not data or offset % self.piece or offset + len(data) > self.room:
            return False
        self.pieces[offset] = data
        return True

    def find_missing(self, size: int) -> int | None:
        """Offset of the first piece of `size` bytes that is not there; None where all are."""
        for offset in range(0, size, self.piece):
            if len(self.pieces.get(offset, b"")) != min(self.piece, size - offset):
                return offset
        return None

    def list_missing(self, first: int, size: int) -> bytes:
        """A bit for each piece from offset `first` on, lowest first, 1 where it is not there.

        Of at most as many pieces as MISSING_BYTES have bits.
        """
        offsets = range(first, size, self.piece)[: 8 * MISSING_BYTES]
        bits = sum(
            1 << number
            for number, offset in enumerate(offsets)
            if len(self.pieces.get(offset, b"")) != min(self.piece, size - offset)
        )
        return bits.to_bytes(-(-len(offsets) // 8), "little")

    def content(self, size: int) -> bytes:
        """The first `size` bytes, which are there."""
        return b"".join(self.pieces[offset] for offset in range(0, size, self.piece))


@dataclass
class _Slot:
    """An image port with the result port behind it.

    Args:
        image: What has come of its image.
        frame: Number of the frame that it holds; None for none.
        size: Bytes of that image, once it was started; None before.
        results: Behind the start: the cycles as u32, then the outputs.
        status: OK, or TRAP.
        done_at: When results are there, in nanoseconds.
    """

    image: _Store
    frame: int | None = None
    size: int | None = None
    results: bytes = b""
    status: Status = Status.OK
    done_at: int = 0


class LinkDevice:
    """The device behind the pins.

    Args:
        accelerator: Computes; its memory is cleared by a reset, so that its program is gone.
        piece: Bytes of the pieces that programs, images and results come in.
    """

    def __init__(self, accelerator: Accelerator, piece: int = CHUNK) -> None:
        self._accelerator: Final = accelerator
        self._piece: Final = piece
        self.frames = 0  # computed since it was made
        self.busy_ns = 0  # time that they took
        self.reset(0)

    def reset(self, now: int) -> None:
        """RESET is released, or the supply is back: everything is forgotten."""
        self._selected = False
        self._received = bytearray()
        self._shifted = 0
        self._answer = b""
        self._identity = 0
        self._program = _Store(PROGRAM_BYTES, self._piece)
        self._slots = [self._make_slot() for _ in range(SLOTS)]
        self._free_at = now  # when the machine has computed what was started
        self._ready_at = now + BOOT_NS

    def ready_at(self) -> int:
        """When READY rises, or has risen, unless a transaction begins."""
        return self._ready_at

    def is_ready(self, now: int) -> bool:
        """The level of READY."""
        return not self._selected and now >= self._ready_at

    def select(self, now: int) -> None:
        """NSS falls. While READY is low the device does not listen until NSS falls again."""
        self._selected = self.is_ready(now)
        self._received.clear()
        self._shifted = 0

    def shift(self, data: bytes) -> bytes:
        """Clocks bytes through: takes those of MOSI, returns those of MISO, as many."""
        if not self._selected:
            return b"\xff" * len(data)
        self._received += data[: max(0, FRAME_BYTES - len(self._received))]
        out = self._answer[self._shifted : self._shifted + len(data)]
        self._shifted += len(data)
        return out.ljust(len(data), b"\0")

    def deselect(self, now: int) -> None:
        """NSS rises: a request is executed, its answer is kept for the next transactions."""
        if not self._selected:
            return
        self._selected = False
        self._ready_at = now + TURN_NS
        if not self._received or self._received[0] != REQUEST:
            return
        request = parse_frame(bytes(self._received), REQUEST)
        if request is None:
            answer = LinkFrame(ANSWERED, 0, Status.DAMAGED)
        else:
            status, value, payload = self._execute(request, now)
            answer = LinkFrame(
                request.command | ANSWERED,
                request.sequence,
                status,
                frame=request.frame,
                value=value,
                payload=payload,
            )
        self._answer = self._seal(answer)

    def _make_slot(self, frame: int | None = None) -> _Slot:
        return _Slot(_Store(IMAGE_BYTES, self._piece), frame)

    def _seal(self, answer: LinkFrame) -> bytes:
        """The answer with the device's state at the time that READY rises."""
        computes = self._free_at > self._ready_at
        state = (self._identity != 0) | computes << 1
        whole = LinkFrame(
            answer.command,
            answer.sequence,
            answer.status,
            state,
            answer.frame,
            answer.value,
            self._identity,
            answer.payload,
        )
        return pack_frame(whole, ANSWER)

    def _execute(self, request: LinkFrame, now: int) -> tuple[Status, int, bytes]:
        """Status, value and payload of the answer."""
        match request.command:
            case Command.HELLO:
                facts = struct.pack(
                    "<HHIII", PROTOCOL_VERSION, self._piece, PROGRAM_BYTES, IMAGE_BYTES, CLOCK_HZ
                )
                return Status.OK, 0, facts
            case Command.PROGRAM:
                fits = self._program.put(request.value, request.payload)
                return Status.OK if fits else Status.BAD_RANGE, request.value, b""
            case Command.LOAD:
                return self._load(request)
        if request.command not in (Command.IMAGE, Command.START, Command.RESULT):
            return Status.UNKNOWN_COMMAND, 0, b""
        if not self._identity:
            return Status.NO_PROGRAM, 0, b""
        if request.identity != self._identity:
            return Status.WRONG_PROGRAM, 0, b""
        slot = self._slots[request.frame % SLOTS]
        if request.command == Command.IMAGE:
            return self._take_image(slot, request, now), request.value, b""
        if request.command == Command.START:
            return self._start(slot, request, now)
        return self._give_results(slot, request)

    def _load(self, request: LinkFrame) -> tuple[Status, int, bytes]:
        """Loads the program that has come; one that is loaded already stays."""
        if request.identity == self._identity != 0:
            return Status.OK, request.value, b""
        if not 0 < request.value <= PROGRAM_BYTES:
            return Status.BAD_RANGE, request.value, b""
        missing = self._program.find_missing(request.value)
        if missing is not None:
            listed = self._program.list_missing(missing, request.value)
            return Status.INCOMPLETE, missing, listed
        program = self._program.content(request.value)
        self._ready_at += LOAD_NS_PER_BYTE * len(program)
        self._identity = 0
        self._slots = [self._make_slot() for _ in range(SLOTS)]
        if int.from_bytes(program[IDENTITY], "little") != request.identity:
            return Status.BAD_PROGRAM, request.value, b""
        try:
            self._accelerator.load(program)
        except ProgramError:
            return Status.BAD_PROGRAM, request.value, b""
        self._identity = request.identity
        return Status.OK, request.value, b""

    def _take_image(self, slot: _Slot, request: LinkFrame, now: int) -> Status:
        """A piece of an image; the first one of a frame empties its slot."""
        if slot.frame != request.frame:
            if slot.size is not None and now < slot.done_at:
                return Status.BUSY
            slot = self._slots[request.frame % SLOTS] = self._make_slot(request.frame)
        if slot.size is not None:
            return Status.BUSY
        return Status.OK if slot.image.put(request.value, request.payload) else Status.BAD_RANGE

    def _start(self, slot: _Slot, request: LinkFrame, now: int) -> tuple[Status, int, bytes]:
        """Has a whole image computed, behind the one that may be under way."""
        if slot.frame != request.frame:
            return Status.INCOMPLETE, 0, self._make_slot().image.list_missing(0, request.value)
        if slot.size is not None:
            same = slot.size == request.value
            return Status.OK if same else Status.BUSY, request.value, b""
        if not 0 < request.value <= IMAGE_BYTES:
            return Status.BAD_RANGE, request.value, b""
        missing = slot.image.find_missing(request.value)
        if missing is not None:
            return Status.INCOMPLETE, missing, slot.image.list_missing(missing, request.value)
        took = 0
        try:
            frame = self._accelerator.run(slot.image.content(request.value))
        except ProgramError:
            return Status.BAD_RANGE, request.value, b""
        except TrapError:
            slot.status = Status.TRAP
        else:
            took = frame.cycles * _CYCLE_NS
            slot.results = struct.pack("<I", frame.cycles) + frame.outputs
        slot.size = request.value
        slot.done_at = self._free_at = max(now, self._free_at) + took
        self.frames += 1
        self.busy_ns += took
        return Status.OK, request.value, b""

    def _give_results(self, slot: _Slot, request: LinkFrame) -> tuple[Status, int, bytes]:
        """Up to a piece of a frame's results; READY rises when they are there."""
        if slot.frame != request.frame or slot.size is None:
            return Status.NO_FRAME, 0, b""
        self._ready_at = max(self._ready_at, slot.done_at)
        if slot.status is not Status.OK:
            return slot.status, 0, b""
        if request.value >= len(slot.results):
            return Status.BAD_RANGE, request.value, b""
        payload = slot.results[request.value : request.value + self._piece]
        return Status.OK, len(slot.results), payload
