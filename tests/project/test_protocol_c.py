"""The board's side of the protocol, compiled for the host, talked to over a bad line."""

from __future__ import annotations

import os
import random
import selectors
import struct
import subprocess
import zlib
from collections.abc import Iterator
from pathlib import Path

import pytest
from board_program import compile_board

from tinydeploy.errors import BoardLinkError
from tinydeploy.link.client import BoardClient
from tinydeploy.link.frames import Frame, FrameSplitter, encode_frame
from tinydeploy.project.selftest import selftest_crc, selftest_inputs
from tinydeploy.validate.host import find_host_compiler

OK, UNKNOWN, BAD, FAILED = 0, 1, 2, 3


@pytest.fixture(scope="session")
def program(tmp_path_factory: pytest.TempPathFactory) -> Path:
    executable = tmp_path_factory.mktemp("protocol") / "board"
    compile_board(Path(__file__).with_name("host_protocol.c"), executable, find_host_compiler())
    return executable


class HostBoard:
    """The program as a transport whose line spoils a share of the bytes, each way."""

    def __init__(
        self, program: Path, spoil: float = 0.0, seed: int = 0, *, rows: bool = False
    ) -> None:
        self._random, self._spoil = random.Random(seed), spoil
        self._process = subprocess.Popen(
            [program, *(["rows"] if rows else [])],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            bufsize=0,
        )
        assert self._process.stdin
        assert self._process.stdout
        self._stdin, self._stdout = self._process.stdin, self._process.stdout
        self._selector = selectors.DefaultSelector()
        self._selector.register(self._stdout, selectors.EVENT_READ)

    def write(self, data: bytes) -> None:
        self._stdin.write(self._damage(data))

    def read(self, max_bytes: int, timeout_s: float) -> bytes:
        if not self._selector.select(timeout_s):
            return b""
        data = os.read(self._stdout.fileno(), max_bytes)
        assert data, "the board's program has ended"
        return self._damage(data)

    def _damage(self, data: bytes) -> bytes:
        return b"".join(self._damage_byte(byte) for byte in data)

    def _damage_byte(self, byte: int) -> bytes:
        dice = self._random.random()
        if dice >= self._spoil:
            return bytes([byte])
        other = self._random.randrange(256)
        choices = (b"", bytes([byte, byte]), bytes([other]), bytes([byte, other]))
        return choices[int(dice / self._spoil * 4)]

    def ask(self, command: int, payload: bytes = b"", sequence: int = 1) -> tuple[int, bytes]:
        """Status and data of the one answer to a request over a good line."""
        self.write(encode_frame(Frame(command, sequence, payload)))
        (answer,) = self.frames()
        assert (answer.command, answer.sequence) == (command + 0x80, sequence)
        return answer.payload[0], answer.payload[1:]

    def frames(self) -> list[Frame]:
        """All frames that come; waits for at most a tenth of a second once none comes."""
        splitter = FrameSplitter()
        found: list[Frame] = []
        while data := self.read(1000, 0.1 if found else 1.0):
            found += [part for part in splitter.feed(data) if isinstance(part, Frame)]
            if found and data.endswith(b"\0"):
                break
        return found

    def close(self) -> None:
        self._stdin.close()
        assert self._process.wait(timeout=10) == 0
        self._stdout.close()
        self._selector.close()


@pytest.fixture
def board(program: Path) -> Iterator[HostBoard]:
    board = HostBoard(program)
    board.ask(1)
    yield board
    board.close()


def test_a_reset_is_noticed(program: Path) -> None:
    """A host whose board was reset must not take a run over lost inputs for an answer."""
    board = HostBoard(program)
    for sequence, command in enumerate((2, 5, 9, 5, 5), start=7):
        assert board.ask(command, b"\0" if command == 2 else b"", sequence) == (4, b"")
    client = BoardClient(board)
    with pytest.raises(BoardLinkError, match="the board was reset meanwhile"):
        client.run()
    client.hello()
    client.infer([bytes(70), bytes(5)])
    assert client.read_output(0)[69] == 1  # none of the runs before HELLO was executed
    board.close()


def test_hello(board: HostBoard) -> None:
    expected = struct.pack("<HIBBHII", 2, 480_000_000, 2, 1, 20, 256, 64) + bytes(range(1, 9))
    assert board.ask(1) == (OK, expected)


def test_names(board: HostBoard) -> None:
    assert board.ask(2, b"\0") == (OK, b"host")
    status, name = board.ask(2, b"\1", sequence=2)
    assert (status, len(name)) == (OK, 63)
    assert name.startswith(b"a board whose name")


def test_tensors(board: HostBoard) -> None:
    assert board.ask(3, b"\0\0") == (OK, struct.pack("<IfiI", 70, 0.5, -3, 1))
    assert board.ask(3, b"\0\1", 2) == (OK, struct.pack("<IfiI", 5, 0.25, 127, 1))
    assert board.ask(3, b"\1\0", 3) == (OK, struct.pack("<IfiI", 70, 0.125, -128, 1))


@pytest.mark.parametrize(
    ("command", "payload", "status"),
    [
        (0x01, b"x", BAD),
        (0x02, b"", BAD),
        (0x02, b"\2", BAD),
        (0x03, b"\0", BAD),
        (0x03, b"\0\2", BAD),
        (0x03, b"\1\1", BAD),
        (0x03, b"\2\0", BAD),
        (0x04, b"", BAD),
        (0x04, struct.pack("<BI", 0, 0), BAD),
        (0x04, struct.pack("<BIB", 2, 0, 1), BAD),
        (0x04, struct.pack("<BI", 0, 70) + b"x", BAD),
        (0x04, struct.pack("<BI", 0, 69) + b"xy", BAD),
        (0x04, struct.pack("<BI", 0, 0xFFFFFFFF) + b"xy", BAD),
        (0x04, struct.pack("<BI", 1, 4) + b"x", OK),
        (0x04, struct.pack("<BI", 0, 11) + bytes(59), OK),
        (0x05, b"x", BAD),
        (0x06, struct.pack("<BI", 0, 0), BAD),
        (0x06, struct.pack("<BIB", 0, 0, 0), BAD),
        (0x06, struct.pack("<BIB", 0, 0, 64), BAD),
        (0x06, struct.pack("<BIB", 0, 8, 63), BAD),
        (0x06, struct.pack("<BIB", 1, 0, 1), BAD),
        (0x06, struct.pack("<BIB", 0, 0xFFFFFFFF, 1), BAD),
        (0x06, struct.pack("<BIB", 0, 7, 63), OK),
        (0x07, b"x", BAD),
        (0x08, b"\0", BAD),
        (0x08, b"\x14\0", BAD),
        (0x08, b"\x13\0", OK),
        (0x09, b"x", BAD),
        (0x0A, b"x", BAD),
        (0x00, b"", UNKNOWN),
        (0x0B, b"", UNKNOWN),
        (0x7F, bytes(64), UNKNOWN),
    ],
)
def test_requests_are_checked(board: HostBoard, command: int, payload: bytes, status: int) -> None:
    found, data = board.ask(command, payload)
    assert found == status
    assert found == OK or data == b""


def test_answers_are_not_requests(board: HostBoard) -> None:
    board.write(encode_frame(Frame(0x81, 1)) + encode_frame(Frame(0xFF, 1)))
    assert board.ask(2, b"\0") == (OK, b"host")


def test_failing_run(board: HostBoard) -> None:
    assert board.ask(4, struct.pack("<BIb", 0, 0, 99), 1)[0] == OK
    for sequence, command in enumerate((5, 7), start=2):
        assert board.ask(command, b"", sequence) == (FAILED, b"")


def test_repeated_request_is_not_executed_again(board: HostBoard) -> None:
    last_byte = struct.pack("<BIB", 0, 69, 1)
    first = board.ask(5, sequence=7)
    assert board.ask(5, sequence=7) == first
    assert board.ask(6, last_byte, 8) == (OK, b"\1")
    assert board.ask(5, sequence=7)[0] == OK  # no longer the last: a new request
    assert board.ask(6, last_byte, 9) == (OK, b"\2")
    assert board.ask(6, last_byte, 9) == (OK, b"\2")
    assert board.ask(5, sequence=9)[0] == OK  # same number, other command
    assert board.ask(6, last_byte, 10) == (OK, b"\3")


def test_hello_forgets_the_last_answer(board: HostBoard) -> None:
    last_byte = struct.pack("<BIB", 0, 69, 1)
    board.ask(5, sequence=7)
    board.ask(1, sequence=7)
    board.ask(5, sequence=7)
    assert board.ask(6, last_byte, 8) == (OK, b"\2")


def test_profile_and_ticks(board: HostBoard) -> None:
    assert board.ask(7) == (OK, struct.pack("<HI", 20, 0))
    first = struct.pack("<15I", *(100 * layer for layer in range(15)))
    assert board.ask(8, b"\0\0", 2) == (OK, first)
    assert board.ask(8, b"\x0f\0", 3) == (OK, struct.pack("<5I", 1500, 1600, 1700, 1800, 1900))


def test_memory_marks(board: HostBoard) -> None:
    """Of the stack's 16 words the lower ten are untouched; a run writes the arena's 41st."""
    assert board.ask(9) == (OK, struct.pack("<4I", 64, 24, 256, 0))
    board.ask(5, sequence=2)
    assert board.ask(9, sequence=3)[1][12:] == struct.pack("<I", 41 * 4)


def test_selftest(board: HostBoard) -> None:
    first, second = selftest_inputs([70, 5])
    sums = bytes((first[i] + second[i % 5]) & 0xFF for i in range(69))
    expected = struct.pack("<II", 0x12345678, selftest_crc([sums + b"\1"]))
    assert board.ask(0x0A) == (OK, expected)


@pytest.fixture
def camera(program: Path) -> Iterator[HostBoard]:
    """The same board with a model that takes its inputs in five rows, of 14 and of 1 byte."""
    board = HostBoard(program, rows=True)
    board.ask(1)
    yield board
    board.close()


def test_inputs_in_rows(camera: HostBoard) -> None:
    assert camera.ask(3, b"\0\0") == (OK, struct.pack("<IfiI", 70, 0.5, -3, 5))
    assert camera.ask(4, struct.pack("<BI", 0, 14) + b"x", 2) == (BAD, b"")
    client = BoardClient(camera)
    client.hello()
    first, second = bytes(range(70)), bytes(range(5))
    sums = bytes((first[i] + second[i % 5]) & 0xFF for i in range(69))
    for run in (1, 2):
        assert client.infer([first, second]) == 4 * 5 + 19000
        assert client.read_output(0) == sums + bytes([run])
    with pytest.raises(BoardLinkError, match="takes 70 bytes, not 71"):
        client.infer([first + b"x", second])


def test_the_cycles_of_layers_are_of_all_rows(camera: HostBoard) -> None:
    client = BoardClient(camera)
    client.hello()
    for _ in range(2):
        assert client.profile([bytes(70), bytes(5)]) == [20, *range(100, 2000, 100)]


def test_who_comes_next_begins_with_the_first_row(camera: HostBoard) -> None:
    client = BoardClient(camera)
    client.hello()
    client.write_input(0, bytes(14))
    client.run()
    assert client.missing == 4
    first, second = selftest_inputs([70, 5])
    assert client.selftest().found != 0
    client.write_input(0, bytes(14))
    client.run()
    assert client.missing == 4
    client.hello()
    client.infer([first, second])
    assert client.read_output(0)[69] == 2


def test_selftest_in_rows(camera: HostBoard) -> None:
    """Parts come in turn: bytes of the first input, then of the second, five times."""
    (stream,) = selftest_inputs([75])
    parts = [stream[15 * row : 15 * row + 15] for row in range(5)]
    first = b"".join(part[:14] for part in parts)
    second = bytes(part[14] for part in parts)
    sums = bytes((first[i] + second[i % 5]) & 0xFF for i in range(69))
    expected = struct.pack("<II", 0x12345678, selftest_crc([sums + b"\1"]))
    assert camera.ask(0x0A) == (OK, expected)


def test_selftest_stream_is_xorshift32() -> None:
    assert selftest_inputs([3, 2]) == tuple(map(bytes.fromhex, ("e18b64", "00f2")))
    assert selftest_crc([b"12345", b"6789"]) == zlib.crc32(b"123456789") == 0xCBF43926


@pytest.mark.parametrize("seed", range(4))
def test_noise_neither_breaks_nor_fools_the_board(board: HostBoard, seed: int) -> None:
    """Random bytes, cut, stretched and merged frames; the sanitizers watch."""
    source = random.Random(seed)
    for _ in range(400):
        frame = bytearray(
            encode_frame(Frame(source.randrange(256), 1, source.randbytes(source.randrange(65))))
        )
        match source.randrange(4):
            case 0:
                frame[source.randrange(1, len(frame) - 1)] ^= 1 << source.randrange(8)
            case 1:
                del frame[source.randrange(1, len(frame) - 1)]
            case 2:
                frame.insert(source.randrange(1, len(frame)), source.randrange(1, 256))
            case 3:
                frame = bytearray(source.randbytes(source.randrange(200)))
        board.write(bytes(frame))
    board.write(b"\0")
    assert board.ask(2, b"\0") == (OK, b"host")


@pytest.mark.parametrize("rows", [False, True])
@pytest.mark.parametrize("seed", range(3))
def test_a_bad_line_only_costs_time(program: Path, seed: int, rows: bool) -> None:
    """One byte in 150 is lost, doubled, changed or invented, each way; every answer is right."""
    board = HostBoard(program, spoil=1 / 150, seed=seed, rows=rows)
    client = BoardClient(board, timeout_s=0.05, attempts=200)
    source = random.Random(seed)
    client.hello()
    for run in range(1, 6 if rows else 16):
        first, second = source.randbytes(70), source.randbytes(5)
        client.infer([b"\1" + first[1:], second])
        sums = bytes((a + second[i % 5]) & 0xFF for i, a in enumerate(b"\1" + first[1:69]))
        assert client.read_output(0) == sums + bytes([run])  # executed once, however often asked
    assert client.repeats > 0
    board.close()


def test_refusals_reach_the_user(board: HostBoard) -> None:
    client = BoardClient(board)
    client.hello()
    client.write_input(0, b"c" + bytes(69))  # 99: the model refuses
    with pytest.raises(BoardLinkError, match="run failed"):
        client.run()
