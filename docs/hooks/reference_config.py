"""The page of tinydeploy.toml's keys, from what reads it and the options of the same names."""

from __future__ import annotations

import typer
from markdown_text import cell

from tinydeploy.check.config import list_keys
from tinydeploy.check.limits import RESOURCES
from tinydeploy.cli.main import app

_INTRO = """\
# tinydeploy.toml

Made from the code that reads the file. How it is used, with an example: [Budgets in CI](../ci.md).

## Keys of `[targets.NAME]` and `[defaults]`

`model` and `board` are needed. Paths are relative to the file's folder.

| key | option of `build` | meaning |
|---|---|---|
"""
_LIMITS = """
## Keys of `[targets.NAME.budget]` and `[defaults.budget]`

A limit is one value or an array of several that all hold; relative ones are held against the
baseline.

| key | what | most or least | absolute, e.g. | relative, e.g. |
|---|---|---|---|---|
"""


def write_config_keys() -> str:
    """The page."""
    commands = typer.main.get_command(app).commands  # type: ignore[attr-defined]
    options = {word: each for each in commands["build"].params for word in each.opts}
    options["--model"] = options["model"]
    rows = []
    for key in list_keys():
        word = f"--{key.replace('_', '-')}"
        option = "MODEL" if key == "model" else word
        rows.append(f"| `{key}` | `{option}` | {cell(options[word].help)} |")
    limits = [
        f"| `{name}` | {each.title} | {'at most' if each.most else 'at least'} "
        f'| `"{each.example[0]}"` | `"{each.example[1]}"` |'
        for name, each in RESOURCES.items()
    ]
    return _INTRO + "\n".join(rows) + "\n" + _LIMITS + "\n".join(limits) + "\n"
