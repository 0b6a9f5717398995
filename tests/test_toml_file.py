"""TOML files of the user's are bounded, and every error names its file."""

from __future__ import annotations

import pytest

from tinydeploy.board import load_board
from tinydeploy.errors import InputFileError
from tinydeploy.graph.normalization import parse_rules
from tinydeploy.paths import BOARDS
from tinydeploy.toml_file import MAX_CHARACTERS, MAX_DEPTH, parse_toml


def test_what_a_file_says() -> None:
    assert parse_toml("a = [1, 2.5]\n[b.c]\nd = 'x'", "f.toml") == {
        "a": [1, 2.5],
        "b": {"c": {"d": "x"}},
    }
    depth = MAX_DEPTH - 1
    assert parse_toml(f"a = {'[' * depth}{']' * depth}", "f.toml")
    assert parse_toml(f"a = {(1 << 63) - 1}", "f.toml") == {"a": (1 << 63) - 1}


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("a =", "f.toml is no TOML"),
        (f"mean = {'9' * 5000}", "f.toml is no TOML"),
        (f"mean = {'[' * 8000}", "far too deep"),
        (f"mean = {'[' * MAX_DEPTH}{']' * MAX_DEPTH}", f"more than {MAX_DEPTH} deep"),
        (f"mean{'.a' * 8000} = 1", f"more than {MAX_DEPTH} deep"),
        (f"mean = 0x{'f' * 8000}", "more than 64 bits"),
        (f"std = [{1 << 63}]", "more than 64 bits"),
        ("#" * (MAX_CHARACTERS + 1), "65,537 characters"),
    ],
)
def test_hostile_text(text: str, message: str) -> None:
    with pytest.raises(InputFileError, match=message) as caught:
        parse_toml(text, "f.toml", "Write something else.")
    assert "f.toml" in caught.value.message
    assert caught.value.hint == "Write something else."
    with pytest.raises(InputFileError):
        parse_rules(text, "f.toml")


@pytest.mark.parametrize("value", ["inf", "nan", f"0x{'f' * 40}", "{a = 1}", "'x'", "[]"])
def test_numbers_of_boards(tmp_path_factory: pytest.TempPathFactory, value: str) -> None:
    path = tmp_path_factory.mktemp("board") / "board.toml"
    text = (BOARDS / "nucleo-h743zi2.toml").read_text("utf-8")
    path.write_text(f"{text}\n[core]\nclock_hz = {value}\n", "utf-8")
    with pytest.raises(InputFileError, match=r"board\.toml"):
        load_board(str(path))
