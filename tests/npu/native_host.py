"""The host's C code, compiled for this machine, linked to a device of Python."""

from __future__ import annotations

import ctypes
import itertools
import random
import subprocess
import zlib
from collections.abc import Sequence
from pathlib import Path

import numpy as np

from tinydeploy.errors import ProgramError
from tinydeploy.npu.device import Frame
from tinydeploy.npu.link_faults import Device
from tinydeploy.paths import FIRMWARE
from tinydeploy.validate.host import find_host_compiler

_WARNINGS = ("-Wall", "-Wextra", "-Wconversion", "-Werror")
_BYTE_NS = 8_000 // 60  # at 60 MHz
_POLL_NS = (500, 50_000)  # between two looks at a READY that is low: at first, and at most

OK, SILENT, VERSION, BAD_PROGRAM, LOST, REFUSED, TRAPPED = 0, -1, -2, -3, -4, -5, -6


class StandIn:
    """An accelerator whose outputs hash its image and its program.

    Args:
        result_bytes: Of a frame.
        cycles: That a frame takes.
    """

    VERSION = b"v1"

    def __init__(self, result_bytes: int = 40, cycles: int = 100_000) -> None:
        self._size, self._cycles = result_bytes, cycles
        self._program = b""

    def load(self, program: bytes) -> None:
        if not program.startswith(self.VERSION) or seal(program) != program:
            raise ProgramError("the program is of another version, or damaged")
        self._program = program

    def run(self, image: bytes) -> Frame:
        return Frame(expect(self._program, image, self._size), self._cycles)


def seal(program: bytes) -> bytes:
    """A program with its CRC-32 where a program file has it."""
    crc = zlib.crc32(program[:8] + bytes(4) + program[12:])
    return program[:8] + crc.to_bytes(4, "little") + program[12:]


def identify(program: bytes) -> int:
    """A program's identity."""
    return int.from_bytes(program[8:12], "little")


def expect(program: bytes, image: bytes, size: int) -> bytes:
    """The stand-in's outputs."""
    seed = zlib.crc32(image, zlib.crc32(program))
    return np.random.default_rng(seed).bytes(size)


class _Program(ctypes.Structure):
    _fields_ = [
        ("bytes", ctypes.c_char_p),
        ("size", ctypes.c_uint32),
        ("identity", ctypes.c_uint32),
        ("image_bytes", ctypes.c_uint32),
        ("result_bytes", ctypes.c_uint32),
        ("frame_us", ctypes.c_uint32),
    ]


class Counters(ctypes.Structure):
    """See npu.h."""

    _fields_ = [
        (name, ctypes.c_uint32)
        for name in ("transactions", "repeated", "resets", "frames", "cycles")
    ]


_NUMBERS = itertools.count()
_RESET = ctypes.CFUNCTYPE(None, ctypes.c_int)
_READY = ctypes.CFUNCTYPE(ctypes.c_int)
_EXCHANGE = ctypes.CFUNCTYPE(None, ctypes.c_void_p, ctypes.c_void_p, ctypes.c_uint32)
_END = ctypes.CFUNCTYPE(ctypes.c_int)
_COUNT = ctypes.CFUNCTYPE(ctypes.c_uint32)
_IMAGE = ctypes.CFUNCTYPE(None, ctypes.c_void_p, *[ctypes.c_uint32] * 3, ctypes.c_void_p)
_RESULTS = ctypes.CFUNCTYPE(None, ctypes.c_void_p, ctypes.c_uint32, ctypes.c_void_p)


class _Port(ctypes.Structure):
    _fields_ = [
        ("reset", _RESET),
        ("is_ready", _READY),
        ("exchange", _EXCHANGE),
        ("end", _END),
        ("interrupts", _COUNT),
        ("ticks", _COUNT),
    ]


class _Frames(ctypes.Structure):
    _fields_ = [
        ("image", _IMAGE),
        ("results", _RESULTS),
        ("context", ctypes.c_void_p),
    ]


def compile_host(folder: Path, link: str = "spi") -> Path:
    """The host of a link as a library in a folder."""
    library = folder / f"npu_host_{link}.so"
    sources = [
        *(
            FIRMWARE / "npu" / f"npu{part}.c"
            for part in ("", "_link", "_frame", "_crc", "_image", "_top")
        ),
        Path(__file__).with_name("native_port.c"),
    ]
    command = [*find_host_compiler(), "-std=c99", "-O1", "-shared", "-fPIC", *_WARNINGS]
    command += [f"-I{FIRMWARE / name}" for name in ("npu", f"npu/{link}", "app", "include")]
    subprocess.run([*command, *map(str, sources), "-o", str(library)], check=True)
    return library


class NativeHost:
    """A host with a clock of its own, and a device on its wires.

    Args:
        library: From compile_host(); loaded anew, so that nothing is left of another host.
        device: The device.
        program: What it is given.
        image_bytes: Of an image.
        result_bytes: Of the results.
    """

    def __init__(
        self, library: Path, device: Device, program: bytes, image_bytes: int, result_bytes: int
    ) -> None:
        fresh = library.with_name(f"host{next(_NUMBERS)}.so")  # a name again would be the same one
        fresh.write_bytes(library.read_bytes())
        self._library = ctypes.CDLL(str(fresh))
        fresh.unlink()
        self.device, self.now = device, 0
        self._poll_ns = _POLL_NS[0]
        self._ends: int | None = None  # the exchange that is under way
        self._random = random.Random(1)
        self._bytes = program
        identity = identify(program)
        self._program = _Program(
            program, len(program), identity, image_bytes, result_bytes, 1_000_000
        )
        self._result_bytes = result_bytes
        self._port = _Port(
            _RESET(self._reset),
            _READY(self._is_ready),
            _EXCHANGE(self._exchange),
            _END(self._end),
            _COUNT(lambda: self.interrupts()),
            _COUNT(self._ticks),
        )
        self._library.native_port_connect.argtypes = [_Port]
        self._library.native_port_connect(self._port)

    def run(self, images: Sequence[bytes]) -> tuple[int, list[bytes]]:
        """What the host returns, and the results that it gave."""
        found: list[bytes] = []
        self.log: list[tuple[str, int, int]] = []

        def take(_: object, index: int, data: int) -> None:
            self.log.append(("results", index, 0))
            assert index == len(found)
            found.append(ctypes.string_at(data, self._result_bytes))

        def make(_: object, index: int, offset: int, count: int, to: int) -> None:
            self.log.append(("piece", index, offset))
            # Its results were not given yet, and at most two others' are under way.
            assert len(found) <= index < len(found) + 3
            assert to % 4 == 0
            piece = images[index][offset : offset + count]
            assert len(piece) == count > 0
            ctypes.memmove(to, piece, count)

        frames = _Frames(_IMAGE(make), _RESULTS(take), None)
        room = ctypes.create_string_buffer(self._result_bytes)
        status = self._library.npu_run_frames(
            ctypes.byref(self._program), len(images), ctypes.byref(frames), room
        )
        return status, found

    def count(self) -> Counters:
        """What has happened so far."""
        self._library.npu_count.restype = ctypes.POINTER(Counters)
        return self._library.npu_count().contents

    def _reset(self, asserted: int) -> None:
        if not asserted:
            self.device.reset(self.now)

    def _is_ready(self) -> int:
        self.now += 100
        if self.device.is_ready(self.now):
            self._poll_ns = _POLL_NS[0]
            return 1
        self.now += self._poll_ns
        self._poll_ns = min(self._poll_ns * 5 // 4, _POLL_NS[1])
        return 0

    def _exchange(self, out: int | None, received: int | None, count: int) -> None:
        assert self._ends is None
        assert (out is None) != (received is None)
        self._ends = self.now + count * _BYTE_NS
        self.device.select(self.now)
        answer = self.device.shift(ctypes.string_at(out, count) if out else bytes(count))
        if received:
            ctypes.memmove(received, answer, count)

    def _end(self) -> int:
        """The time until here was the host's own; the exchange may have ended long ago."""
        assert self._ends is not None
        self.now, self._ends = max(self.now, self._ends), None
        self.device.deselect(self.now)
        return 0

    def interrupts(self) -> int:
        """How many pieces go on in interrupts while results are taken: none, some, or all."""
        return self._random.choice((0, 1, 2, 1000))

    def _ticks(self) -> int:
        self.now += 200
        return self.now // 1000 & 0xFFFFFFFF
