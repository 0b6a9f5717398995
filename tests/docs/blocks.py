"""The blocks of the manual's pages, and the comments in front of them that say who runs them.

<!-- run -->                 the walker of `walk.py` runs the block's commands, as they stand
<!-- run: exit 3 -->         the same, and the last one ends with that exit code
<!-- run by FILE -->         a test of its own does, FILE
<!-- not run: WHY -->        nobody does
<!-- file: NAME -->          the walker writes the block to a file of that name
<!-- output -->              lines that the commands before have printed
<!-- given: NAME NAME -->    the walker makes these files, see `given.py`; has no block
<!-- slow -->                the page is walked by the slow tests; has no block
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from textwrap import dedent

ROOT = Path(__file__).resolve().parents[2]
PAGES = (
    ROOT / "README.md",
    ROOT / "benchmarks" / "README.md",
    *sorted((ROOT / "docs").rglob("*.md")),
)

_MARKER = re.compile(r"<!-- (run by|not run|run|file|output|given|slow)(?::? (.*?))? ?-->")
_PROGRAMS = (
    "tinydeploy make python3? pip git cmake west pio gdb-multiarch openocd unzip cd cp build/"
)
_COMMAND = re.compile(rf"(?:\$ )?(?:\. |(?:{'|'.join(_PROGRAMS.split())})(?:\s|$|(?<=/)))")
_SHELLS = {"sh", "bash", "console", "shell"}


@dataclass(frozen=True)
class Block:
    """A block of a page, or a comment for the walker that has none.

    Args:
        page: The file.
        line: Its number in it, from 1.
        text: Its lines without their indentation.
        language: Of a fence; "" where there is none.
        marker: The word of the comment in front of it; "" without one.
        words: What the comment says besides.
    """

    page: Path
    line: int
    text: str
    language: str
    marker: str
    words: str

    @property
    def place(self) -> str:
        """File and line."""
        return f"{self.page.relative_to(ROOT)}:{self.line}"

    @property
    def has_commands(self) -> bool:
        """It is a fence of a shell's, or a line of it starts with the name of a program."""
        return self.language in _SHELLS or any(map(_COMMAND.match, self.text.splitlines()))


def list_blocks(page: Path) -> Iterator[Block]:
    """All indented and fenced blocks of a page, and the comments without one, in their order."""
    lines = page.read_text(encoding="utf-8").splitlines()
    marker, words, marked_at = "", "", 0
    at = 0
    while at < len(lines):
        line, start, language = lines[at], at, ""
        if match := _MARKER.fullmatch(line.strip()):
            if match[1] in ("given", "slow"):
                yield Block(page, at + 1, "", "", match[1], match[2] or "")
            else:
                marker, words, marked_at = match[1], match[2] or "", at
            at += 1
            continue
        if line.lstrip().startswith("```"):  # in a list it is set in
            language = line.strip().removeprefix("```")
            at = next(k for k in range(start + 1, len(lines)) if lines[k].strip() == "```") + 1
            text = dedent("\n".join(lines[start + 1 : at - 1]))
        elif line.startswith("    ") and (start == 0 or not lines[start - 1].strip()):
            at = _end_of_indented(lines, start)
            text = "\n".join(each[4:] for each in lines[start:at])
        else:
            at += 1
            continue
        near = all(not each.strip() for each in lines[marked_at + 1 : start])
        marked = (marker, words) if marker and near else ("", "")
        yield Block(page, start + 1, text, language, *marked)
        marker, words = "", ""


def _end_of_indented(lines: list[str], start: int) -> int:
    """Empty lines belong to the block where it goes on behind them."""
    at = end = start
    while at < len(lines) and (lines[at].startswith("    ") or not lines[at].strip()):
        at += 1
        if lines[at - 1].strip():
            end = at
    return end
