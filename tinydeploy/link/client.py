"""Talks to a board over a line that may lose, change and invent bytes (docs/protocol.md)."""

from __future__ import annotations

import codecs
import enum
import random
import struct
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

from tinydeploy.errors import BoardLinkError
from tinydeploy.link.frames import MAX_PAYLOAD, Frame, FrameSplitter, encode_frame
from tinydeploy.link.retry_timer import RetryTimer
from tinydeploy.link.transport import Transport

PROTOCOL_VERSION = 2
WRITE_BYTES = MAX_PAYLOAD - 5
READ_BYTES = MAX_PAYLOAD - 1
_TICKS = 15
_ANSWER = 0x80

_STATUS = {
    1: "the board does not know the command",
    2: "the board refuses the length or the range",
    3: "the run failed",
    4: "the board was reset meanwhile, and has lost what it was told",
}


class Command(enum.IntEnum):
    """Requests."""

    HELLO = 0x01
    NAME = 0x02
    TENSOR = 0x03
    WRITE = 0x04
    RUN = 0x05
    READ = 0x06
    PROFILE = 0x07
    TICKS = 0x08
    MEMORY = 0x09
    SELFTEST = 0x0A


@dataclass(frozen=True)
class Hello:
    """What a board says of itself.

    Args:
        protocol: Version of the protocol.
        clock_hz: Core clock.
        inputs: Number of input tensors.
        outputs: Number of output tensors.
        layers: Number of layers.
        arena_bytes: Bytes of all arenas.
        stack_bytes: Size of the stack.
        build_id: Identifies the firmware.
        model: Name of the model.
        board: Name of the board.
    """

    protocol: int
    clock_hz: int
    inputs: int
    outputs: int
    layers: int
    arena_bytes: int
    stack_bytes: int
    build_id: bytes
    model: str
    board: str


@dataclass(frozen=True)
class TensorInfo:
    """An input or output tensor.

    Args:
        bytes: Of all its values.
        scale: Of the int8 values.
        zero_point: Of the int8 values.
        rows: Parts of equal size that an input is given in, one for each run; 1: all at once.
    """

    bytes: int
    scale: float
    zero_point: int
    rows: int


@dataclass(frozen=True)
class MemoryMarks:
    """Sizes and high-water marks in bytes, as the firmware's paint shows them."""

    stack_bytes: int
    stack_high_water: int
    arena_bytes: int
    arena_high_water: int


@dataclass(frozen=True)
class SelfTest:
    """CRC-32 of the self-test's outputs."""

    expected: int
    found: int

    @property
    def passed(self) -> bool:
        """Whether they agree."""
        return self.expected == self.found


class BoardClient:
    """One conversation with a board.

    Args:
        transport: The line.
        on_text: Takes console text as it arrives; the client collects it in `text` as well.
        timeout_s: Seconds after which a request is repeated, until it is known how fast answers
            come; at most from then on.
        least_s: Seconds before which no request is repeated: many on a line that loses nothing.
        attempts: How often it is sent before the board counts as silent.
        run_timeout_s: Longest time that a run may take.

    `missing` is how many further runs, each with another row of the input, the inference under way
    needs; 0 after one that is complete.

    Raises (all methods):
        BoardLinkError: No answer, or a refusal.
        EmulationError: The firmware stopped (emulated boards only).
    """

    def __init__(
        self,
        transport: Transport,
        *,
        on_text: Callable[[str], None] | None = None,
        timeout_s: float = 0.5,
        least_s: float = 0.03,
        attempts: int = 20,
        run_timeout_s: float = 600.0,
    ) -> None:
        self._transport, self._on_text = transport, on_text
        self._attempts, self._run_timeout_s = attempts, run_timeout_s
        self._timer = RetryTimer(timeout_s, timeout_s, least_s)
        self._run_timer = RetryTimer(timeout_s, 16 * timeout_s, least_s)
        self._splitter = FrameSplitter()
        self._decoder = codecs.getincrementaldecoder("utf-8")("replace")
        # Not the number that a program that was just here began with: its last answers may still
        # be on their way.
        self._sequence = random.randrange(256)
        self._inputs: dict[int, TensorInfo] = {}
        self._outputs: dict[int, TensorInfo] = {}
        self.text = ""
        self.repeats = 0
        self.missing = 0

    def hello(self) -> Hello:
        """Begins the conversation; makes the board forget answers to whoever spoke before."""
        answer = self._ask(Command.HELLO)
        version, clock, inputs, outputs, layers, arena, stack, build = _unpack(
            "<HIBBHII8s", answer, "HELLO"
        )
        if version != PROTOCOL_VERSION:
            raise BoardLinkError(
                f"the board speaks protocol version {version}, this program {PROTOCOL_VERSION}",
                "Flash firmware that was made by this version of tinydeploy.",
            )
        model, board = (
            self._ask(Command.NAME, bytes([what])).decode(errors="replace") for what in (0, 1)
        )
        self._inputs.clear()
        self._outputs.clear()
        self.missing = 0
        return Hello(version, clock, inputs, outputs, layers, arena, stack, build, model, board)

    def input_info(self, index: int) -> TensorInfo:
        """Describes input tensor `index`."""
        return self._describe(self._inputs, 0, index)

    def output_info(self, index: int) -> TensorInfo:
        """Describes output tensor `index`."""
        return self._describe(self._outputs, 1, index)

    def infer(self, inputs: Sequence[bytes]) -> int:
        """One inference, whose inputs the board takes whole or row by row.

        Args:
            inputs: The int8 values of each input tensor.

        Returns:
            Cycles of all runs that it took.
        """
        return sum(self._give(inputs, self.run))

    def write_input(self, index: int, data: bytes) -> None:
        """Fills input tensor `index`, or the place of its next row, with int8 values."""
        info = self.input_info(index)
        self._check_size(index, data, info.bytes // info.rows)
        for at in range(0, len(data), WRITE_BYTES):
            self.write_part(index, at, data[at : at + WRITE_BYTES])

    def write_part(self, index: int, offset: int, data: bytes) -> None:
        """Writes up to WRITE_BYTES bytes into input tensor `index`, or the place of its row."""
        self._ask(Command.WRITE, struct.pack("<BI", index, offset) + data)

    def run(self) -> int:
        """Runs the model once; returns the cycles that the core's cycle counter saw."""
        cycles, missing = _unpack("<2I", self._ask(Command.RUN, patient=True), "RUN")
        self.missing = int(missing)
        return int(cycles)

    def read_output(self, index: int) -> bytes:
        """The int8 values of output tensor `index`."""
        size = self.output_info(index).bytes
        data = bytearray()
        while len(data) < size:
            count = min(READ_BYTES, size - len(data))
            data += self.read_part(index, len(data), count)
        return bytes(data)

    def read_part(self, index: int, offset: int, count: int) -> bytes:
        """Reads `count` bytes, 1 to READ_BYTES, of output tensor `index`."""
        part = self._ask(Command.READ, struct.pack("<BIB", index, offset, count))
        if len(part) != count:
            raise BoardLinkError(f"READ gave {len(part)} bytes instead of {count}")
        return part

    def profile(self, inputs: Sequence[bytes]) -> list[int]:
        """One inference as of `infer`; returns the cycles of each layer."""
        layers = self._give(inputs, self._run_observed)[0]
        cycles: list[int] = []
        while len(cycles) < layers:
            count = min(_TICKS, layers - len(cycles))
            part = self._ask(Command.TICKS, struct.pack("<H", len(cycles)))
            cycles += _unpack(f"<{count}I", part, "TICKS")
        return cycles

    def memory(self) -> MemoryMarks:
        """Sizes of stack and arena, and how much of them has been used."""
        return MemoryMarks(*_unpack("<4I", self._ask(Command.MEMORY), "MEMORY"))

    def selftest(self) -> SelfTest:
        """Runs the self-test."""
        return SelfTest(*_unpack("<2I", self._ask(Command.SELFTEST, patient=True), "SELFTEST"))

    def read_text(self, timeout_s: float) -> str:
        """Listens for console text without asking anything; returns what is new."""
        before = len(self.text)
        deadline = time.monotonic() + timeout_s
        while (left := deadline - time.monotonic()) > 0:
            for item in self._splitter.feed(self._transport.read(4096, left)):
                if isinstance(item, bytes):
                    self._take_text(item)
        self._take_text(self._splitter.take_text())
        return self.text[before:]

    def _give(self, inputs: Sequence[bytes], run: Callable[[], int]) -> list[int]:
        """Writes the inputs, part by part, with a run behind each; returns what the runs did."""
        for index, data in enumerate(inputs):
            self._check_size(index, data, self.input_info(index).bytes)
        rows = self.input_info(0).rows
        results = []
        for row in range(rows):
            for index, data in enumerate(inputs):
                size = len(data) // rows
                self.write_input(index, data[row * size : (row + 1) * size])
            results.append(run())
            if self.missing != rows - 1 - row:
                raise BoardLinkError(
                    f"the board misses {self.missing} rows of the input behind row {row} of {rows}"
                )
        return results

    def _check_size(self, index: int, data: bytes, expected: int) -> None:
        if len(data) != expected:
            rows = self.input_info(index).rows
            what = f"input {index}" if rows == 1 else f"input {index}, in {rows} rows,"
            raise BoardLinkError(f"{what} takes {expected} bytes, not {len(data)}")

    def _run_observed(self) -> int:
        layers, missing = _unpack("<HI", self._ask(Command.PROFILE, patient=True), "PROFILE")
        self.missing = int(missing)
        return int(layers)

    def _describe(self, known: dict[int, TensorInfo], what: int, index: int) -> TensorInfo:
        if index not in known:
            answer = self._ask(Command.TENSOR, bytes((what, index)))
            info = TensorInfo(*_unpack("<IfiI", answer, "TENSOR"))
            if info.rows < 1 or info.bytes % info.rows:
                raise BoardLinkError(f"TENSOR says {info.bytes} bytes in {info.rows} rows")
            known[index] = info
        return known[index]

    def _ask(self, command: Command, payload: bytes = b"", *, patient: bool = False) -> bytes:
        """Sends a request until its answer comes; returns what follows the status byte."""
        self._sequence = (self._sequence + 1) % 256
        request = encode_frame(Frame(command, self._sequence, payload))
        timer = self._run_timer if patient else self._timer
        begin = time.monotonic()
        attempt = 0
        while attempt < self._attempts or (
            patient and time.monotonic() < begin + self._run_timeout_s
        ):
            self.repeats += attempt > 0
            self._transport.write(request)
            answer = self._await(command, timer.wait_s(attempt))
            if answer is not None:
                if attempt == 0:
                    timer.learn(time.monotonic() - begin)
                return self._accept(command, answer)
            attempt += 1
        raise BoardLinkError(
            f"the board did not answer {command.name} ({attempt} attempts)",
            "Is it powered, does it run this firmware, and is this its port?",
        )

    def _await(self, command: Command, timeout_s: float) -> Frame | None:
        deadline = time.monotonic() + timeout_s
        while (left := deadline - time.monotonic()) > 0:
            data = self._transport.read(4096, left)
            answer = None
            for item in self._splitter.feed(data):
                if isinstance(item, bytes):
                    self._take_text(item)
                elif (item.command, item.sequence) == (command | _ANSWER, self._sequence):
                    answer = item
            if answer is not None:
                return answer
        return None

    def _accept(self, command: Command, answer: Frame) -> bytes:
        if not answer.payload:
            raise BoardLinkError(f"the answer to {command.name} has no status")
        status = answer.payload[0]
        if status:
            reason = _STATUS.get(status, f"status {status}")
            raise BoardLinkError(f"{command.name} failed: {reason}")
        return answer.payload[1:]

    def _take_text(self, data: bytes) -> None:
        if not data:
            return
        text = self._decoder.decode(data)  # a character may come in two pieces
        self.text += text
        if self._on_text and text:
            self._on_text(text)


def _unpack(layout: str, data: bytes, command: str) -> tuple[Any, ...]:
    if len(data) != struct.calcsize(layout):
        raise BoardLinkError(
            f"the answer to {command} has {len(data)} bytes instead of {struct.calcsize(layout)}"
        )
    return struct.unpack(layout, data)
