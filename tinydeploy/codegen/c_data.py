"""Constant arrays and structs as C text, in lines of at most 120 characters."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import numpy as np
from numpy.typing import ArrayLike

_LINE = 120
_INDENT = "    "


def format_array(c_type: str, name: str, values: ArrayLike, *, align: int = 0) -> str:
    """The definition of a constant array of integers.

    Args:
        c_type: Element type, e.g. "int8_t".
        name: C identifier.
        values: Integers of any shape, written in C order; at least one.
        align: Bytes that its address is a multiple of; 0 for what the type asks for.
    """
    texts = [str(value) for value in np.ravel(np.asarray(values)).tolist()]
    aligned = f"TD_ALIGNED({align}) " if align else ""
    return format_elements(f"{aligned}{c_type}", name, texts, ",")


def format_elements(c_type: str, name: str, texts: Sequence[str], separator: str = ", ") -> str:
    """The definition of a constant array whose elements, at least one, are given as C text."""
    width = max(map(len, texts)) + len(separator)
    per_line = max(1, (_LINE - len(_INDENT)) // width)
    lines = [
        _INDENT + separator.join(texts[start : start + per_line]) + ",\n"
        for start in range(0, len(texts), per_line)
    ]
    return f"static const {c_type} {name}[{len(texts)}] = {{\n{''.join(lines)}}};\n"


def format_struct(c_type: str, name: str, fields: Mapping[str, int | str]) -> str:
    """The definition of a constant struct, one field per line."""
    lines = [f"{_INDENT}.{field} = {value},\n" for field, value in fields.items()]
    return f"static const {c_type} {name} = {{\n{''.join(lines)}}};\n"
