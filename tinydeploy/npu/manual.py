"""The manual's tables of instructions and fields, made of their definition.

    python -m tinydeploy.npu.manual docs/tinynpu.md

writes them into the page, between its marks.
"""

from __future__ import annotations

import re
import sys
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Final

from tinydeploy.errors import InternalError
from tinydeploy.npu import program
from tinydeploy.npu.isa import FORMATS, Field


def list_instructions() -> str:
    """A line for each instruction."""
    lines = ["| instruction | opcode | class | operands | what it does |", "|---|---|---|---|---|"]
    for form in FORMATS:
        operands = ", ".join(field.name for field in form.fields) or "none"
        lines.append(
            f"| {form.name} | 0x{form.opcode:02x} | {form.kind} | {operands} | {form.meaning} |"
        )
    return "\n".join(lines)


def list_fields() -> str:
    """A line for each field, and the instructions that have it."""
    users: dict[Field, list[str]] = {}
    for form in FORMATS:
        for field in form.fields:
            users.setdefault(field, []).append(form.name)
    lines = ["| field | word | bits | values | meaning | in |", "|---|---|---|---|---|---|"]
    for field, names in sorted(users.items(), key=lambda pair: (pair[0].word, pair[0].bit)):
        bits = f"{field.bit + field.width - 1}:{field.bit}" if field.width > 1 else str(field.bit)
        lines.append(
            f"| {field.name} | {field.word} | {bits} | {field.least} to {field.most} | "
            f"{field.meaning} | {', '.join(names)} |"
        )
    return "\n".join(lines)


def list_header() -> str:
    """The header of a program file."""
    text = program.__doc__ or ""
    return "\n".join(line for line in text.splitlines() if line.startswith("|"))


TABLES: Final[Mapping[str, Callable[[], str]]] = {
    "instructions": list_instructions,
    "fields": list_fields,
    "header": list_header,
}


def fill_page(page: str) -> str:
    """The page with its tables as they are to be."""
    for name, make in TABLES.items():
        mark = re.compile(f"(<!-- {name} -->\n\n).*?(\n\n<!-- end of {name} -->)", re.DOTALL)
        table = make()
        page, count = mark.subn(lambda found, table=table: found[1] + table + found[2], page)  # type: ignore[misc]
        if count != 1:
            raise InternalError(f"the page has {count} places for the table of {name}")
    return page


if __name__ == "__main__":
    path = Path(sys.argv[1])
    path.write_text(fill_page(path.read_text(encoding="utf-8")), encoding="utf-8")
