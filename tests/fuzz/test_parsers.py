"""Parsers take what is sound and refuse, with one of our errors, what once made them fail."""

from __future__ import annotations

from pathlib import Path

import pytest
from parser_seeds import make_seeds
from parsers import PARSERS, try_parser

CRASHERS = Path(__file__).with_name("crashers")


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


@pytest.mark.parametrize(
    "crasher", sorted(CRASHERS.glob("*/*")), ids=lambda path: f"{path.parent.name}-{path.name}"
)
def test_crashers_are_refused(crasher: Path) -> None:
    assert not try_parser(crasher.parent.name, crasher.read_bytes())
