"""Finds the line of a key in a TOML file: its parser tells none."""

from __future__ import annotations

import tomllib
from collections.abc import Sequence
from typing import Any


def find_line(text: str, path: Sequence[str]) -> int:
    """The line, from 1, on which a key begins; 1 where the file has no such key.

    The beginning of a file up to the end of any line is a file itself, unless it ends inside of a
    value of several lines: then it is lengthened to the value's end. The key is in all of these
    from its line on, and in none before.

    Args:
        text: A file that tomllib accepts.
        path: The keys from the outermost table inwards.
    """
    lines = text.splitlines(keepends=True)
    low, high = 1, len(lines)
    if not _has(tomllib.loads(text), path):
        return 1
    while low < high:
        middle = (low + high) // 2
        if _has(_parse_beginning(lines, middle), path):
            high = middle
        else:
            low = middle + 1
    return low


def _parse_beginning(lines: Sequence[str], end: int) -> dict[str, Any]:
    """The shortest beginning of at least `end` lines that is a file."""
    while True:
        try:
            return tomllib.loads("".join(lines[:end]))
        except tomllib.TOMLDecodeError:
            end += 1
            if end > len(lines):
                raise


def _has(content: Any, path: Sequence[str]) -> bool:
    for key in path:
        if not isinstance(content, dict) or key not in content:
            return False
        content = content[key]
    return True
