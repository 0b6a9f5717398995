"""Every block of commands in the manual is run by a test, or says why not."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from tests.docs.blocks import PAGES, ROOT, Block, list_blocks


def list_names(path: Path) -> str:
    return str(path.relative_to(ROOT))


def refuse(block: Block) -> str | None:
    """What is wrong with a block's comment."""
    if block.marker == "run by":
        path = ROOT / block.words
        if not path.is_file():
            return f"there is no {block.words}"
        name = block.page.name
        return None if name in path.read_text("utf-8") else f"{block.words} does not name {name}"
    if block.marker == "not run":
        return None if len(block.words.split()) > 1 else "the reason is missing"
    if block.has_commands and block.marker not in ("run", "file", "output"):
        return "it is not marked, see tests/docs/blocks.py"
    return None


@pytest.mark.parametrize("page", PAGES, ids=list_names)
def test_commands_are_run_or_say_why_not(page: Path) -> None:
    wrong = [f"{block.place}: {why}" for block in list_blocks(page) if (why := refuse(block))]
    assert not wrong, "\n".join(wrong)


def test_comments_are_understood() -> None:
    """A comment that is misspelled would leave its block unmarked, or unnoticed."""
    forms = r"run|run by \S+|run: exit \d|not run: .+|file: \S+|output|given: .+|slow"
    for page in PAGES:
        for line in page.read_text("utf-8").splitlines():
            if re.match(r"\s*<!--\s*(not|run|file|output|given|slow)\b", line):
                assert re.fullmatch(rf"\s*<!-- (?:{forms}) -->", line), f"{page}: {line}"


TEXT = """\
# Page

<!-- given: model.tflite -->

Text, and

    tinydeploy boards

    tinydeploy doctor

<!-- not run: takes an hour -->

    make fuzz

<!-- file: a.toml -->
```toml
x = 1
```

<!-- run: exit 3 -->

Text between.

```sh
ls
```

    ls -l is no program of ours
<!-- run by tests/nothing.py -->
```
python -m benchmarks
```
<!-- not run: so -->

    python x

1. A list

    ```sh
    a
    ```
"""


def test_blocks_of_a_page(tmp_path: Path) -> None:
    page = tmp_path / "page.md"
    page.write_text(TEXT)
    blocks = list(list_blocks(page))
    assert [(b.line, b.marker, b.words, b.has_commands) for b in blocks] == [
        (3, "given", "model.tflite", False),
        (7, "", "", True),
        (13, "not run", "takes an hour", True),
        (16, "file", "a.toml", False),
        (24, "", "", True),
        (28, "", "", False),
        (30, "run by", "tests/nothing.py", True),
        (35, "not run", "so", True),
        (39, "", "", True),
    ]
    assert blocks[1].text == "tinydeploy boards\n\ntinydeploy doctor"
    assert [bool(refuse(block)) for block in blocks] == [
        False, True, False, False, True, False, True, True, True,
    ]  # fmt: skip
