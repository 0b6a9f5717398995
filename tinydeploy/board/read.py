"""Reads board files and the chip profiles below them.

A board's file is laid over its chip's: tables are merged, a memory takes the place of the chip's
memory of that name or comes behind all of them, anything else replaces what the chip says.
"""

from __future__ import annotations

import difflib
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path
from typing import Any

from tinydeploy.board.board import Board, Chip
from tinydeploy.board.choices import MistakeError
from tinydeploy.board.parse import parse_board, parse_chip
from tinydeploy.board.rules import find_problems
from tinydeploy.errors import InputFileError, UsageError
from tinydeploy.paths import BOARDS
from tinydeploy.toml_file import parse_toml


def list_boards(folder: Path = BOARDS) -> tuple[str, ...]:
    """Names of all boards, sorted."""
    return tuple(sorted(path.stem for path in folder.glob("*.toml")))


def list_chips(folder: Path = BOARDS) -> tuple[str, ...]:
    """Names of all chip profiles, sorted; each is another name of the chip's default board."""
    return list_boards(folder / "chips")


def load_board(name: str, folder: Path = BOARDS) -> Board:
    """Reads a board's file.

    Args:
        name: Of a board, of a chip for its default board, or the path of a .toml file.
        folder: Where boards and, in chips/, their chips are.

    Raises:
        UsageError: There is no such board; the hint lists those there are.
        InputFileError: The file is not valid; the message names the entry.
    """
    if name.endswith(".toml"):
        return _read_board(Path(name), folder)
    if name in list_boards(folder):
        return _read_board(folder / f"{name}.toml", folder)
    if name in list_chips(folder):
        chip = load_chip(name, folder)
        return replace(_read_board(folder / f"{chip.default_board}.toml", folder), name=name)
    chips, boards = list_chips(folder), list_boards(folder)
    raise UsageError(
        f"unknown board '{name}'",
        f"{_guess(name, (*chips, *boards))}Known boards: {', '.join(boards)}; by their chips:"
        f" {', '.join(chips)}. Or give the path of a board file, ending in .toml.",
    )


def load_chip(name: str, folder: Path = BOARDS) -> Chip:
    """Reads the profile of a chip in boards/chips/.

    Raises:
        UsageError: There is no such chip; the hint lists those there are.
        InputFileError: The file is not valid; the message names the entry.
    """
    if name not in list_chips(folder):
        raise UsageError(f"unknown chip '{name}'", _known_chips(name, folder))
    path = folder / "chips" / f"{name}.toml"
    table = _read_toml(path, "chip")
    with _naming_mistakes("chip", path):
        return parse_chip(name, table)


def _read_board(path: Path, folder: Path) -> Board:
    table = _read_toml(path, "board")
    with _naming_mistakes("board", path):
        chip = str(table["chip"])
    if chip.endswith(".toml"):
        profile = path.parent / chip
    elif chip in list_chips(folder):
        profile = folder / "chips" / f"{chip}.toml"
    else:
        raise InputFileError(
            f"board file {path}: unknown chip '{chip}'",
            f"{_known_chips(chip, folder)} Or give the path of a chip's file, ending in .toml.",
        )
    below = _read_toml(profile, "chip")
    with _naming_mistakes("board", path):
        merged = _overlay(below, table)
        board = parse_board(merged, parse_chip(profile.stem, merged))
    if problems := find_problems(board):
        raise InputFileError(f"board file {path}: {'; '.join(problems)}")
    return board


def _known_chips(name: str, folder: Path) -> str:
    chips = list_chips(folder)
    return f"{_guess(name, chips)}Known chips: {', '.join(chips)}."


def _guess(name: str, known: tuple[str, ...]) -> str:
    near = difflib.get_close_matches(name, known, n=1, cutoff=0.5)
    return f"Did you mean {near[0]}? " if near else ""


def _read_toml(path: Path, kind: str) -> dict[str, Any]:
    try:
        text = path.read_text(encoding="utf-8")
    except (OSError, ValueError) as error:
        reason = (isinstance(error, OSError) and error.strerror) or error
        raise InputFileError(
            f"cannot read {kind} file {path}: {reason}",
            "`tinydeploy boards` lists those there are; `tinydeploy boards new` writes one.",
        ) from error
    return parse_toml(text, f"{kind} file {path}")


@contextmanager
def _naming_mistakes(kind: str, path: Path) -> Iterator[None]:
    """Says of what goes wrong with a table which file it stands in."""
    try:
        yield
    except MistakeError as error:
        raise InputFileError(f"{kind} file {path}: {error}", error.hint) from error
    except KeyError as error:
        raise InputFileError(f"{kind} file {path} lacks the entry {error}") from error
    except (TypeError, ValueError, AttributeError, OverflowError) as error:
        raise InputFileError(
            f"{kind} file {path} has an entry of the wrong type: {error}"
        ) from error


def _overlay(below: Mapping[str, Any], above: Mapping[str, Any]) -> dict[str, Any]:
    merged = dict(below)
    for key, value in above.items():
        if key == "memory":
            named = {entry["name"]: entry for entry in value}
            if len(named) < len(value):
                raise MistakeError("two memories have the same name")
            kept = [named.pop(entry["name"], entry) for entry in below[key]]
            merged[key] = [*kept, *named.values()]
        elif isinstance(value, Mapping) and isinstance(below.get(key), Mapping):
            merged[key] = _overlay(below[key], value)
        else:
            merged[key] = value
    return merged
