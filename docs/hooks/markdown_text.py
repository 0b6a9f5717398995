"""Plain text as Markdown that says the same."""

from __future__ import annotations

import re


def escape(text: str) -> str:
    """Nothing in it is Markdown's or HTML's, but for `code`."""
    parts = re.split(r"(`[^`]*`)", text)
    parts[::2] = [re.sub(r"([*_])", r"\\\1", part).replace("<", "&lt;") for part in parts[::2]]
    return "".join(parts)


def cell(text: str) -> str:
    """The same for a cell of a table: one line."""
    return escape(" ".join(text.split())).replace("|", "\\|")
