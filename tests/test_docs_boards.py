"""The commands of docs/boards.md, one after the other, as a person does them.

Where a command needs a board, an emulated one is behind the port; flashing shows its command.
"""

from __future__ import annotations

import re
import shlex
from contextlib import ExitStack
from pathlib import Path

import pytest

from tests.builders import conv_model
from tinydeploy.cli.image import find_image, load_built_board
from tinydeploy.cli.main import main
from tinydeploy.emulate.emulated_board import EmulatedBoard
from tinydeploy.emulate.pty_bridge import PtyBridge

MANUAL = Path(__file__).parents[1] / "docs" / "boards.md"
BUILD = Path("out/model-stm32h743")


def list_commands() -> list[str]:
    return re.findall(r"^    (tinydeploy [a-z].*)$", MANUAL.read_text("utf-8"), re.MULTILINE)


def open_port(stack: ExitStack) -> str:
    """The port of an emulated board that runs the build."""
    image = find_image(BUILD, None)
    emulated = stack.enter_context(EmulatedBoard(image.elf, load_built_board(image)))
    return stack.enter_context(PtyBridge(emulated)).port


def test_chapters_are_in_the_order_of_a_first_time() -> None:
    chapters = re.findall(r"^## (.*)$", MANUAL.read_text("utf-8"), re.MULTILINE)
    assert chapters[:5] == ["Choose", "Wire", "Flash", "See the output", "Add a board"]


def test_commands(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    Path("model.tflite").write_bytes(conv_model((8, 8, 3), 4))
    commands = list_commands()
    assert len(commands) >= 6
    for command in commands:
        words = shlex.split(command, comments=True)[1:]
        with ExitStack() as stack:
            if words[0] == "flash":
                words.append("--dry-run")
            elif words[0] == "monitor" or ({"board"} & set(words[1:]) and "--on" in words):
                words = [word for word in words if not word.startswith("/dev/")]
                words = [word for word in words if word != "--port"]
                words += ["--port", open_port(stack)]
                words += ["--seconds", "1"] if words[0] == "monitor" else []
            with pytest.raises(SystemExit) as caught:
                main(words)
        assert caught.value.code == 0, command


def test_the_memory_of_the_manual(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """The lines of TOML in the chapter on adding a board are right as they stand."""
    text = MANUAL.read_text("utf-8")
    chapter = text[text.index("## Add a board") : text.index("## The board file")]
    block = re.search(r"^    \[\[memory\]\]\n(?:    .*\n|\n(?=    ))+", chapter, re.MULTILINE)
    assert block
    monkeypatch.chdir(tmp_path)
    (command,) = [c for c in list_commands() if c.startswith("tinydeploy boards new")]
    with pytest.raises(SystemExit):
        main(shlex.split(command)[1:])
    board = Path("my-board.toml")
    board.write_text(board.read_text() + "\n" + block[0].replace("    ", ""))
    with pytest.raises(SystemExit) as caught:
        main(["boards", "check", str(board)])
    assert caught.value.code == 0
