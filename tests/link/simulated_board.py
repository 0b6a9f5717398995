"""The board's side of docs/protocol.md, and a line that loses, changes and invents bytes."""

from __future__ import annotations

import random
import struct

from tinydeploy.link.frames import Frame, FrameSplitter, encode_frame


class SimulatedBoard:
    """Answers requests as the firmware does; its model adds one to each byte and repeats the sum.

    Args:
        inputs: Bytes of each input tensor.
        outputs: Bytes of each output tensor.
        layers: Number of layers.
        rows: Parts that inputs come in.
    """

    def __init__(
        self,
        inputs: tuple[int, ...] = (1000,),
        outputs: tuple[int, ...] = (300,),
        layers: int = 40,
        rows: int = 1,
    ) -> None:
        self.inputs = [bytearray(size) for size in inputs]
        self.outputs = [bytearray(size) for size in outputs]
        self.layers, self.runs, self.executed = layers, 0, 0
        self.version, self.run_status = 2, 0
        self.rows, self.came = rows, 0
        self.console = b"boot\r\nself-test ok\r\n"
        self._splitter = FrameSplitter()
        self._kept: Frame | None = None

    def receive(self, data: bytes) -> bytes:
        """Takes what arrives from the host; returns what the board sends."""
        out, self.console = self.console, b""
        for item in self._splitter.feed(data):
            if isinstance(item, Frame) and item.command < 0x80:
                out += self._answer(item)
        return out

    def _answer(self, request: Frame) -> bytes:
        command, sequence = request.command + 0x80, request.sequence
        if self._kept is None or (self._kept.command, self._kept.sequence) != (command, sequence):
            self.executed += 1
            self._kept = Frame(command, sequence, self._execute(request))
        answer = encode_frame(self._kept)
        if request.command == 1:
            self._kept = None
        return answer

    def _execute(self, request: Frame) -> bytes:
        data = request.payload
        try:
            status, answer = getattr(self, f"_do_{request.command}", self._unknown)(data)
        except (struct.error, IndexError):
            return b"\2"
        return bytes([status]) + (answer if status == 0 else b"")

    def _unknown(self, data: bytes) -> tuple[int, bytes]:
        return 1, b""

    def _do_1(self, data: bytes) -> tuple[int, bytes]:
        counts = len(self.inputs), len(self.outputs), self.layers
        return 0, struct.pack(
            "<HIBBHII8s", self.version, 480_000_000, *counts, 5000, 4096, b"\0build\0\1"
        )

    def _do_2(self, data: bytes) -> tuple[int, bytes]:
        return 0, (b"model", "böard".encode())[data[0]]

    def _do_3(self, data: bytes) -> tuple[int, bytes]:
        what, index = struct.unpack("<BB", data)
        size = len((self.inputs, self.outputs)[what][index])
        return 0, struct.pack("<IfiI", size, 0.5, -3, 1 if what else self.rows)

    def _do_4(self, data: bytes) -> tuple[int, bytes]:
        index, offset = struct.unpack("<BI", data[:5])
        values = data[5:]
        size = len(self.inputs[index]) // self.rows
        if not values or offset + len(values) > size:
            return 2, b""
        offset += self.came * size
        self.inputs[index][offset : offset + len(values)] = values
        return 0, b""

    def _do_5(self, data: bytes) -> tuple[int, bytes]:
        if missing := self._take_part():
            return 0, struct.pack("<2I", 1, missing)
        total = sum(sum(values) for values in self.inputs)
        for output in self.outputs:
            output[:] = bytes((total + at) % 256 for at in range(len(output)))
        return self.run_status, struct.pack("<2I", 12345, 0)

    def _take_part(self) -> int:
        self.came = (self.came + 1) % self.rows
        self.runs += self.came == 0
        return self.rows - self.came if self.came else 0

    def _do_6(self, data: bytes) -> tuple[int, bytes]:
        index, offset, count = struct.unpack("<BIB", data)
        values = self.outputs[index]
        if not 1 <= count <= 63 or offset + count > len(values):
            return 2, b""
        return 0, bytes(values[offset : offset + count])

    def _do_7(self, data: bytes) -> tuple[int, bytes]:
        return self.run_status, struct.pack("<HI", self.layers, self._take_part())

    def _do_8(self, data: bytes) -> tuple[int, bytes]:
        (first,) = struct.unpack("<H", data)
        cycles = [100 + layer for layer in range(first, min(first + 15, self.layers))]
        return 0, struct.pack(f"<{len(cycles)}I", *cycles)

    def _do_9(self, data: bytes) -> tuple[int, bytes]:
        return 0, struct.pack("<4I", 4096, 300, 5000, 4900)

    def _do_10(self, data: bytes) -> tuple[int, bytes]:
        return 0, struct.pack("<2I", 0xDEADBEEF, 0xDEADBEEF)


class Line:
    """A transport to a simulated board. Nothing takes time: silence is known at once.

    Args:
        board: The board.
        noise: Probability that a byte is lost, that it is changed, that one is invented; each.
        seed: Of the noise.
        chunk: Most bytes that one read returns.
    """

    def __init__(
        self, board: SimulatedBoard, *, noise: float = 0.0, seed: int = 0, chunk: int = 4096
    ) -> None:
        self.board, self.noise, self.chunk = board, noise, chunk
        self.damaged = 0
        self._random = random.Random(seed)
        self._waiting = b""

    def write(self, data: bytes) -> None:
        """Sends bytes to the board."""
        self._waiting += self._damage(self.board.receive(self._damage(data)))

    def read(self, max_bytes: int, timeout_s: float) -> bytes:
        """What the board has sent."""
        count = min(max_bytes, self.chunk)
        data, self._waiting = self._waiting[:count], self._waiting[count:]
        return data

    def _damage(self, data: bytes) -> bytes:
        out = bytearray()
        for byte in data:
            chance = self._random.random()
            if chance < self.noise:
                self.damaged += 1
                continue
            changed = chance < 2 * self.noise
            out.append(self._random.randrange(256) if changed else byte)
            if 2 * self.noise <= chance < 3 * self.noise:
                out.append(self._random.randrange(256))
            self.damaged += chance < 3 * self.noise
        return bytes(out)
