"""Every header of the application and of the target code is C99 and C++, by itself."""

from __future__ import annotations

import subprocess
from pathlib import Path

import pytest

from tinydeploy.board import Board, list_boards, load_board
from tinydeploy.paths import FIRMWARE
from tinydeploy.project.layout import include_folders, target_folders
from tinydeploy.validate.host import find_host_compiler

BOARDS = [load_board(name) for name in list_boards()]
FAMILIES = {board.family: board for board in BOARDS}


def headers(board: Board) -> list[Path]:
    folders = ("app", "include", *target_folders(board))
    return [path for folder in folders for path in sorted((FIRMWARE / folder).glob("*.h"))]


# Those that all families share are tried with the first one's registers.h.
CASES = {path: board for board in reversed(FAMILIES.values()) for path in headers(board)}
LANGUAGES = {"c": ("-std=c99", "-Wall", "-Wextra", "-Wconversion"), "c++": ("-std=c++11", "-Wall")}


def compile_text(language: str, text: str, board: Board) -> subprocess.CompletedProcess[str]:
    command = [*find_host_compiler(), "-x", language, *LANGUAGES[language], "-Werror"]
    folders = [folder for folder in include_folders(board) if folder != "targets/libc"]
    return subprocess.run(
        [*command, *(f"-I{FIRMWARE / folder}" for folder in folders), "-fsyntax-only", "-"],
        input=text,
        capture_output=True,
        text=True,
        check=False,
    )


@pytest.mark.parametrize("language", LANGUAGES)
@pytest.mark.parametrize("header", CASES, ids=lambda path: f"{path.parent.name}/{path.name}")
def test_header_stands_alone(header: Path, language: str) -> None:
    board = CASES[header]
    if compile_text(language, "int nothing;\n", board).returncode != 0:
        pytest.skip(f"the host compiler has no {language}")
    run = compile_text(language, f'#include "{header}"\n#include "{header}"\n', board)
    assert run.returncode == 0, run.stderr
