"""Lines of keys."""

from __future__ import annotations

import pytest

from tinydeploy.check.locate import find_line

TEXT = '''\
# a comment = 1
title = """
[targets.fake]
model = 5
"""

[targets."my net"]
model = "x" # board = "y"
input_shape = [
    3,
    96,
]
board = "b"
budget.flash = 5
[targets.b]
model = "y"
budget = { ram = 7, stack = 9 }
'''


@pytest.mark.parametrize(
    ("path", "line"),
    [
        (["title"], 2),
        (["targets"], 7),
        (["targets", "my net"], 7),
        (["targets", "my net", "model"], 8),
        (["targets", "my net", "input_shape"], 9),
        (["targets", "my net", "board"], 13),
        (["targets", "my net", "budget", "flash"], 14),
        (["targets", "b"], 15),
        (["targets", "b", "model"], 16),
        (["targets", "b", "budget", "stack"], 17),
        (["targets", "fake"], 1),
        ([], 1),
    ],
)
def test_lines(path: list[str], line: int) -> None:
    assert find_line(TEXT, path) == line
    assert find_line(TEXT.replace("\n", "\r\n"), path) == line


def test_an_empty_file_has_a_first_line() -> None:
    assert find_line("", ["a"]) == 1
    assert find_line("", []) == 1
