"""The Jinja environment: templates hold text, Python holds decisions."""

from __future__ import annotations

import textwrap
from collections.abc import Sequence
from functools import cache

import jinja2

from tinydeploy.codegen.text import c_comment
from tinydeploy.paths import FIRMWARE

_WIDTH = 120  # columns of a line of C


def block(text: str) -> str:
    """Filter: the text with exactly one newline at its end; nothing stays nothing."""
    return text.strip("\n") + "\n" if text.strip() else ""


def indented(text: str) -> str:
    """Filter: every line that is not empty four columns further right."""
    return textwrap.indent(text, "    ")


def wrapped(text: str) -> str:
    """Filter: calls that are too long for a line go on in the next, behind the opening bracket."""
    return "".join(_wrap(line) for line in text.splitlines(keepends=True))


def _wrap(line: str) -> str:
    if len(line) <= _WIDTH or "(" not in line:
        return line
    head = line.rfind(", ", 0, _WIDTH) + 1
    margin = " " * (line.index("(") + 1)
    return f"{line[:head]}\n{_wrap(margin + line[head + 1 :])}" if head > len(margin) else line


def entries(values: Sequence[object]) -> str:
    """Filter: the inside of an array's initializer, in lines of some columns less than a line."""
    return textwrap.fill(", ".join(map(str, values)), _WIDTH - 8) + ",\n"


@cache
def make_environment() -> jinja2.Environment:
    """The environment of firmware/templates/; undefined names are errors, blocks leave no lines."""
    environment = jinja2.Environment(
        loader=jinja2.FileSystemLoader(FIRMWARE / "templates"),
        undefined=jinja2.StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
        keep_trailing_newline=True,
        autoescape=False,  # C text, not HTML; strings from files go through codegen/text.py
    )
    environment.filters |= {
        "block": block,
        "indented": indented,
        "entries": entries,
        "wrapped": wrapped,
        "comment": c_comment,
    }
    return environment


def render_template(template: str, **objects: object) -> str:
    """Fills in a template, named relative to firmware/templates/, with frozen dataclasses."""
    return make_environment().get_template(template).render(**objects)
