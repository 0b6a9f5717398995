"""Requests over a noisy line to the real firmware: does every one complete, is every answer right?

    python tests/link/noise_campaign.py --requests 10000 --input-bytes 153600 --seed 1

The board is emulated; its model (tests/project/witness_model.py) tells what reached it.
"""

from __future__ import annotations

import argparse
import random
import sys
import tempfile
import time
import zlib
from dataclasses import dataclass
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parent.parent / "project"))

from noisy_line import NoisyLine
from witness_model import OUTPUT_BYTES, build_witness, witness_output

from tinydeploy.board import Board, load_board
from tinydeploy.emulate.emulated_board import EmulatedBoard
from tinydeploy.link.client import WRITE_BYTES, BoardClient
from tinydeploy.link.transport import Transport
from tinydeploy.project.selftest import selftest_inputs

SMALL_INPUT = 200


@dataclass(frozen=True)
class Figures:
    """What a campaign found.

    Args:
        requests: That were asked and answered.
        repeats: How often one of them was sent again.
        wrong: Answers that were accepted and are not the right ones.
        line: The line, with its counts.
        seconds: How long it took.
    """

    requests: int
    repeats: int
    wrong: int
    line: NoisyLine
    seconds: float

    def __str__(self) -> str:
        line = self.line
        return (
            f"{self.requests} requests answered, {self.repeats} repetitions, "
            f"{self.wrong} wrong answers accepted; of {line.carried} bytes {line.flipped} flipped, "
            f"{line.dropped} dropped, {line.doubled} doubled; {self.seconds:.0f} s"
        )


class Mirror:
    """What the board must answer: its model in Python, asked the same."""

    def __init__(self, client: BoardClient, input_bytes: int, seed: int) -> None:
        self._client, self._random = client, random.Random(seed)
        self._input = bytearray(selftest_inputs([input_bytes])[0])
        self._runs = 1  # the self-test at boot
        self._output = witness_output(self._input, self._runs)
        self._hello = client.hello()
        self._info = client.input_info(0)
        self.wrong = 0

    def ask_anything(self) -> None:
        """One request of a random kind."""
        kinds = (self._write, self._write, self._read, self._read, self._run)
        self._random.choice((*kinds, self._look_at_memory, self._test))()

    def write_all(self, data: bytes) -> None:
        """Fills the whole input, and runs."""
        self._client.write_input(0, data)
        self._input[:] = data
        self._run()
        self._expect(self._client.read_output(0) == self._output)

    def say_hello(self) -> None:
        """The board says the same of itself as at the beginning."""
        self._expect(self._client.hello() == self._hello)

    def _write(self) -> None:
        data = self._random.randbytes(self._random.randint(1, WRITE_BYTES))
        offset = self._random.randint(0, len(self._input) - len(data))
        self._client.write_part(0, offset, data)
        self._input[offset : offset + len(data)] = data

    def _read(self) -> None:
        offset = self._random.randrange(OUTPUT_BYTES)
        count = self._random.randint(1, OUTPUT_BYTES - offset)
        found = self._client.read_part(0, offset, count)
        self._expect(found == self._output[offset : offset + count])

    def _run(self) -> None:
        """A request that would run twice if its repetition were taken for another one."""
        self._client.run()
        self._runs += 1
        self._output = witness_output(self._input, self._runs)

    def _look_at_memory(self) -> None:
        marks = self._client.memory()
        self._expect(marks.arena_bytes == len(self._input) + OUTPUT_BYTES)

    def _test(self) -> None:
        found = self._client.selftest().found
        self._input[:] = selftest_inputs([len(self._input)])[0]
        self._runs += 1
        self._output = witness_output(self._input, self._runs)
        self._expect(found == zlib.crc32(self._output))

    def _expect(self, right: bool) -> None:
        self.wrong += not right


def ask_small(transport: Transport, requests: int, seed: int) -> Figures:
    """Requests of all kinds, in random order, to a board whose model takes SMALL_INPUT bytes."""
    line = NoisyLine(transport, seed=seed)
    client = BoardClient(line)
    begin = time.monotonic()
    mirror = Mirror(client, SMALL_INPUT, seed)
    for _ in range(requests):
        mirror.ask_anything()
    mirror.say_hello()
    return Figures(requests, client.repeats, mirror.wrong, line, time.monotonic() - begin)


def send_large(transport: Transport, input_bytes: int, seed: int) -> Figures:
    """One input of so many bytes, and an inference with it."""
    line = NoisyLine(transport, seed=seed)
    client = BoardClient(line)
    begin = time.monotonic()
    mirror = Mirror(client, input_bytes, seed)
    mirror.write_all(random.Random(seed).randbytes(input_bytes))
    requests = -(-input_bytes // WRITE_BYTES) + 2
    return Figures(requests, client.repeats, mirror.wrong, line, time.monotonic() - begin)


def run_campaign(
    board: Board, folder: Path, requests: int, input_bytes: int, seed: int
) -> list[Figures]:
    """Both, on an emulated board."""
    with EmulatedBoard(build_witness(folder / "small", board, SMALL_INPUT), board) as emulated:
        small = ask_small(emulated.transport, requests, seed)
    with EmulatedBoard(build_witness(folder / "large", board, input_bytes), board) as emulated:
        return [small, send_large(emulated.transport, input_bytes, seed)]


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--requests", type=int, default=10_000)
    parser.add_argument("--input-bytes", type=int, default=153_600)
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--board", default="stm32h743")
    options = parser.parse_args()
    board = load_board(options.board)
    with tempfile.TemporaryDirectory(prefix="tinydeploy-") as folder:
        figures = run_campaign(
            board, Path(folder), options.requests, options.input_bytes, options.seed
        )
    for what, found in zip(("small requests", "one large input"), figures, strict=True):
        print(f"{board.title}, {what}: {found}")  # noqa: T201
    return int(any(found.wrong for found in figures))


if __name__ == "__main__":
    sys.exit(main())
