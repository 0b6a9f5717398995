"""The commands of docs/boards.md, chapter after chapter, as a person does them.

The chapter on the serial port has tests of its own, and so has flashing an emulated board
(`flash/test_flash_emulated.py`); here flashing shows its commands.
"""

from __future__ import annotations

import re
import shlex
from pathlib import Path

import pytest

from tests.builders import conv_model
from tinydeploy.cli.main import main

MANUAL = Path(__file__).parents[1] / "docs" / "boards.md"
BUILD = "out/etinynet_digits-stm32h743"


def read_chapters() -> dict[str, str]:
    parts = re.split(r"^## (.*)$", MANUAL.read_text("utf-8"), flags=re.MULTILINE)
    return dict(zip(parts[1::2], parts[2::2], strict=True))


def list_commands(chapter: str) -> list[list[str]]:
    lines = re.findall(r"^    (tinydeploy [a-z].*)$", read_chapters()[chapter], re.MULTILINE)
    return [shlex.split(line, comments=True)[1:] for line in lines]


def run(words: list[str]) -> None:
    with pytest.raises(SystemExit) as caught:
        main(words)
    assert not caught.value.code, words


def test_chapters_are_in_the_order_of_a_first_time() -> None:
    order = ["Choose", "Wire", "Flash", "See the output", "Add a board"]
    assert list(read_chapters())[:5] == order


def test_commands(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """With a small model in the place of the one that would have to be trained."""
    monkeypatch.chdir(tmp_path)
    Path("model.tflite").write_bytes(conv_model((8, 8, 3), 4))
    for chapter, least in (("Choose", 2), ("Flash", 1), ("Add a board", 3)):
        commands = [words for words in list_commands(chapter) if words[0] != "emulate"]
        assert len(commands) >= least
        for words in commands:
            if words[0] == "flash":
                words.append("--dry-run")
            if words[0] == "build" and "model.tflite" not in words:
                words[1:1] = ["model.tflite", "-o", BUILD]
            run(words)
    assert Path(BUILD, "firmware.elf").is_file()


def test_the_memory_of_the_manual(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """The lines of TOML in the chapter on adding a board are right as they stand."""
    block = re.search(
        r"^    \[\[memory\]\]\n(?:    .*\n|\n(?=    ))+",
        read_chapters()["Add a board"],
        re.MULTILINE,
    )
    assert block
    monkeypatch.chdir(tmp_path)
    (new,) = [words for words in list_commands("Add a board") if words[1] == "new"]
    run(new)
    board = Path("my-board.toml")
    board.write_text(board.read_text() + "\n" + block[0].replace("    ", ""))
    run(["boards", "check", str(board)])
