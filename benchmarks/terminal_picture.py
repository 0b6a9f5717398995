"""A picture of what a command has printed.

tinydeploy build --board stm32h743 2>&1 | python -m benchmarks.terminal_picture docs/build.svg \
    "tinydeploy build --board stm32h743"
"""

from __future__ import annotations

import re
import sys
from collections.abc import Sequence
from pathlib import Path

from tinydeploy.plan.picture.scene import LETTER, Label, Role, Scene, Shape
from tinydeploy.plan.picture.svg import write_svg

_COLUMNS, _LINE, _EDGE = 80, 13.0, 14.0
_NAME = 13  # columns in which lines have their names; behind them are figures
_GREEN = "#2da44e"  # seen on white and on black


def draw_terminal(command: str, printed: str) -> Scene:
    """The command at a prompt and the lines below it.

    Words have places of their own, so that columns stay columns in letters of any width.
    """
    lines = ["$ " + command, "", *printed.rstrip().splitlines()]
    labels = []
    for row, line in enumerate(lines):
        y = _EDGE + (row + 1) * _LINE
        for word in re.finditer(r"\S+", line):
            colour = _colour(word[0], word.start(), is_command=row == 0)
            labels.append(Label(_EDGE + word.start() * LETTER, y, word[0], colour=colour))
    width, height = 2 * _EDGE + _COLUMNS * LETTER, 2 * _EDGE + (len(lines) + 0.5) * _LINE
    frame = (0.0, 0.0, width, 1.0), (0.0, height - 1, width, 1.0)
    sides = (0.0, 0.0, 1.0, height), (width - 1, 0.0, 1.0, height)
    return Scene(width, height, command, (Shape("faint", frame + sides),), tuple(labels))


def _colour(word: str, column: int, *, is_command: bool) -> Role | str:
    if word == "✓":
        return _GREEN
    return "ink" if is_command or column < _NAME - 1 else "quiet"


def main(words: Sequence[str]) -> None:
    """Reads what was printed from stdin; the arguments are the file to write and the command."""
    target, command = words
    printed = sys.stdin.read()
    Path(target).write_text(write_svg(draw_terminal(command, printed)), "utf-8")


if __name__ == "__main__":
    main(sys.argv[1:])
