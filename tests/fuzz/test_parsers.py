"""Parsers take what is sound and refuse, with one of our errors, what once made them fail."""

from __future__ import annotations

import random
import subprocess
from collections.abc import Sequence
from pathlib import Path

import pytest
from board_program import compile_board
from parser_seeds import make_seeds
from parsers import PARSERS, try_parser

from tinydeploy.validate.host import find_host_compiler

CRASHERS = Path(__file__).with_name("crashers")
TAKEN = {"metadata_without_a_buffer"}


@pytest.mark.parametrize("parser", PARSERS)
def test_sound_inputs_are_taken(parser: str) -> None:
    """All that fuzzing starts from, but for lines to a board that end: that is an error, too.

    Three float networks are translated, and then refused by the reader of ONNX.
    """
    seeds = make_seeds(parser)
    taken = [try_parser(parser, data) for data in seeds]
    assert len(seeds) >= 3
    if parser == "frames":
        assert any(taken)
    else:
        assert taken.count(False) == (3 if parser == "float_tflite" else 0)


@pytest.mark.parametrize("parser", PARSERS)
def test_cut_inputs_are_refused(parser: str) -> None:
    for data in make_seeds(parser)[:3]:
        for size in range(0, len(data), max(1, len(data) // 40)):
            try_parser(parser, data[:size])
    assert not try_parser(parser, b"\x80")


@pytest.fixture(scope="module")
def board(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Runs files of `board_script.c`."""
    executable = tmp_path_factory.mktemp("board") / "board"
    source = Path(__file__).with_name("board_script.c")
    compile_board(source, executable, find_host_compiler(), ["-DREPLAY"])
    return executable


def replay(board: Path, files: Sequence[Path]) -> list[int]:
    """How many answers each had, of those that are right after as many."""
    done = subprocess.run([board, *files], capture_output=True, text=True, check=True)
    return [int(line) for line in done.stdout.split()]


def test_the_board_takes_sound_and_hostile_bytes(board: Path, tmp_path: Path) -> None:
    """Each request has an answer, and HELLO in front; damaged ones at most that."""
    seeds, source = make_seeds("board"), random.Random(0)
    damaged = []
    for _ in range(2000):
        data = bytearray(source.choice(seeds))
        for _ in range(source.randrange(1, 9)):
            data[source.randrange(len(data))] = source.randrange(256)
        damaged.append(bytes(data[: source.randrange(len(data))]))
    files = []
    for number, data in enumerate((*seeds, *damaged)):
        files.append(tmp_path / str(number))
        files[-1].write_bytes(data)
    files += sorted(CRASHERS.glob("board/*"))
    answers = replay(board, files)
    assert answers[: len(seeds)] == 2 * [7, 3, 3, 4, 4, 17]
    assert len(answers) == len(files)
    assert 1 <= min(answers) < max(answers)


@pytest.mark.parametrize(
    "crasher",
    sorted(path for path in CRASHERS.glob("*/*") if path.parent.name in PARSERS),
    ids=lambda path: f"{path.parent.name}-{path.name}",
)
def test_crashers_are_refused(crasher: Path) -> None:
    """But for files that are sound where it matters."""
    taken = try_parser(crasher.parent.name, crasher.read_bytes())
    assert taken == (crasher.name in TAKEN)
