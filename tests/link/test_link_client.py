"""The client against a simulated board, over good and bad lines."""

from __future__ import annotations

import random
import struct
import time

import pytest
from simulated_board import Line, SimulatedBoard

from tinydeploy.errors import BoardLinkError
from tinydeploy.link.client import BoardClient, MemoryMarks, TensorInfo
from tinydeploy.link.frames import encode_frame
from tinydeploy.link.transport import SerialTransport


def talk(line: Line, **options: float) -> BoardClient:
    return BoardClient(line, timeout_s=0.001, attempts=400, **options)  # type: ignore[arg-type]


def exercise(client: BoardClient, board: SimulatedBoard, seed: int) -> None:
    """Every command, results compared with what the simulated model gives."""
    hello = client.hello()
    assert (hello.clock_hz, hello.inputs, hello.outputs, hello.layers) == (480_000_000, 2, 2, 40)
    assert (hello.build_id, hello.model, hello.board) == (b"\0build\0\1", "model", "böard")
    generator = random.Random(seed)
    data = [generator.randbytes(len(values)) for values in board.inputs]
    for index, values in enumerate(data):
        client.write_input(index, values)
    assert [bytes(values) for values in board.inputs] == data
    runs = board.runs
    assert client.run() == 12345
    assert board.runs == runs + 1
    total = sum(sum(values) for values in data)
    for index, values in enumerate(board.outputs):
        expected = bytes((total + at) % 256 for at in range(len(values)))
        assert client.read_output(index) == expected
    assert client.profile(data) == [100 + layer for layer in range(40)]
    assert board.runs == runs + 2
    assert client.memory() == MemoryMarks(4096, 300, 5000, 4900)
    assert client.selftest().passed
    assert client.output_info(1) == TensorInfo(len(board.outputs[1]), 0.5, -3, 1)


def test_rows() -> None:
    board = SimulatedBoard((1000, 50), (300,), rows=10)
    client = talk(Line(board, noise=0.005, seed=1))
    client.hello()
    data = [bytes(range(250)) * 4, bytes(range(50))]
    assert client.infer(data) == 9 + 12345
    assert [bytes(values) for values in board.inputs] == data
    assert client.profile(data) == [100 + layer for layer in range(40)]
    assert board.runs == 2
    board.came = 5  # a row too many
    with pytest.raises(BoardLinkError, match="misses 4 rows of the input behind row 0 of 10"):
        client.infer(data)


def test_quiet_line() -> None:
    board = SimulatedBoard((1000, 7), (300, 64))
    client = talk(Line(board))
    exercise(client, board, 1)
    assert client.repeats == 0
    assert client.text == "boot\r\nself-test ok\r\n"


@pytest.mark.parametrize("chunk", [1, 3, 70])
def test_answers_in_portions(chunk: int) -> None:
    board = SimulatedBoard((100, 7), (300, 64))
    exercise(talk(Line(board, chunk=chunk)), board, 2)


@pytest.mark.parametrize("seed", range(4))
def test_noisy_line(seed: int) -> None:
    """One byte in 100 lost, one changed, one followed by an invented one: still exact."""
    board = SimulatedBoard((3000, 59), (500, 63))
    line = Line(board, noise=0.01, seed=seed)
    client = talk(line)
    exercise(client, board, seed)
    assert line.damaged > 100
    assert client.repeats > 20


def test_repeating_a_request_does_not_repeat_its_effect() -> None:
    board = SimulatedBoard()
    line = Line(board)
    client = talk(line)
    client.hello()
    deliver, dropped = board.receive, []

    def lose_first_answer(data: bytes) -> bytes:
        answer = deliver(data)
        if not dropped:
            dropped.append(answer)
            return b""
        return answer

    board.receive = lose_first_answer  # type: ignore[method-assign]
    client.run()
    assert client.repeats == 1
    assert board.runs == 1


def test_new_host_is_not_given_old_answers() -> None:
    board = SimulatedBoard()
    line = Line(board)
    first = talk(line)
    first.hello()
    first.run()
    second = talk(line)
    second.hello()
    second.run()
    assert board.runs == 2


def test_stale_answers_are_ignored() -> None:
    board = SimulatedBoard()
    line = Line(board)
    client = talk(line)
    client.hello()
    client.memory()
    # The same answer once more, as after a repetition that was not needed.
    assert board._kept is not None
    line._waiting += encode_frame(board._kept)
    assert client.run() == 12345
    assert client.memory().stack_bytes == 4096


class Silent:
    """A line on which nothing answers."""

    def __init__(self) -> None:
        self.sent = 0

    def read(self, max_bytes: int, timeout_s: float) -> bytes:
        return b""

    def write(self, data: bytes) -> None:
        self.sent += 1


def test_silence() -> None:
    line = Silent()
    client = BoardClient(line, timeout_s=0.001, attempts=5)
    with pytest.raises(BoardLinkError, match="did not answer HELLO") as error:
        client.hello()
    assert line.sent == 5
    assert "port" in error.value.hint


def test_patience_with_a_run_ends() -> None:
    client = BoardClient(Silent(), timeout_s=0.001, attempts=2, run_timeout_s=0.05)
    begin = time.monotonic()
    with pytest.raises(BoardLinkError, match="did not answer RUN"):
        client.run()
    assert 0.04 < time.monotonic() - begin < 5


def test_refusals() -> None:
    board = SimulatedBoard((10,), (10,))
    client = talk(Line(board))
    client.hello()
    with pytest.raises(BoardLinkError, match="input 0 takes 10 bytes, not 9"):
        client.write_input(0, bytes(9))
    with pytest.raises(BoardLinkError, match="TENSOR failed: the board refuses"):
        client.input_info(1)
    board.run_status = 3
    with pytest.raises(BoardLinkError, match="RUN failed: the run failed"):
        client.run()
    with pytest.raises(BoardLinkError, match="PROFILE failed"):
        client.profile([bytes(10)])
    board.version = 3
    with pytest.raises(BoardLinkError, match="protocol version 3, this program 2"):
        client.hello()


def test_hostile_answers() -> None:
    board = SimulatedBoard()
    client = talk(Line(board))
    client.hello()
    for size, rows in ((10, 0), (10, 3)):
        board._do_3 = lambda data, s=size, r=rows: (0, struct.pack("<IfiI", s, 1, 0, r))  # type: ignore[misc]
        with pytest.raises(BoardLinkError, match=f"TENSOR says 10 bytes in {rows} rows"):
            client.input_info(0)
    board._do_9 = lambda data: (0, b"\1\2\3")  # type: ignore[method-assign]
    with pytest.raises(BoardLinkError, match="MEMORY has 3 bytes instead of 16"):
        client.memory()
    board._execute = lambda request: b""  # type: ignore[method-assign]
    with pytest.raises(BoardLinkError, match="no status"):
        client.memory()
    board._execute = lambda request: b"\x63"  # type: ignore[method-assign]
    with pytest.raises(BoardLinkError, match="status 99"):
        client.memory()


def test_console_text() -> None:
    board = SimulatedBoard()
    heard: list[str] = []
    client = BoardClient(Line(board), on_text=heard.append, timeout_s=0.001)
    client.hello()
    board.console = b"x" * 70 + "é".encode() * 40 + b" \xff\r\n"
    client.memory()
    assert client.text.endswith("x" + "é" * 40 + " �\r\n")
    assert "".join(heard) == client.text


def test_serial_port() -> None:
    with SerialTransport("loop://") as port:
        assert port.read(10, 0.01) == b""
        port.write(b"hello")
        data = b""
        while len(data) < 5:
            data += port.read(3, 1.0)
        assert data == b"hello"
    with pytest.raises(BoardLinkError, match="there is no serial port /dev/not-there"):
        SerialTransport("/dev/not-there")
