"""C text for values: numbers, strings, comments, arrays of bytes."""

from __future__ import annotations

import re
from collections.abc import Iterator

import numpy as np

from tinydeploy.graph.tensor import TRUTH

_BYTES = [f"{value}," for value in range(256)]
_BYTES_PER_LINE = 28  # at most 4 characters each, so a line has at most 116


def c_float(value: float) -> str:
    """A float literal that reads back as exactly the float32 nearest to `value`."""
    text = f"{np.float32(value):.9g}"
    return f"{text}f" if re.search(r"[.e]", text) else f"{text}.0f"


def c_type(dtype: str) -> str:
    """The C type of an activation's elements."""
    return "uint8_t" if dtype == TRUTH else f"{dtype}_t"


def c_int(value: int) -> str:
    """An integer that may stand anywhere in an expression."""
    return str(value) if value >= 0 else f"({value})"


def c_string(text: str) -> str:
    """A string literal of the UTF-8 bytes; everything but plain ASCII is escaped.

    Octal escapes of three digits end by themselves, unlike hexadecimal ones; an escaped question
    mark cannot begin a trigraph.
    """
    return '"' + "".join(_escape(byte) for byte in text.encode()) + '"'


def _escape(byte: int) -> str:
    plain = 32 <= byte < 127 and byte not in b'"\\?'
    return chr(byte) if plain else f"\\{byte:03o}"


def c_comment(text: str, width: int = 100) -> str:
    """Text from a file, made harmless inside a comment: one line of plain ASCII, cut to `width`."""
    harmless = re.sub(r"[^ -~]|[*\\?]", "_", text)
    return harmless if len(harmless) <= width else harmless[: width - 3] + "..."


def byte_lines(data: bytes) -> Iterator[str]:
    """The inside of an array initializer, line by line."""
    for begin in range(0, len(data), _BYTES_PER_LINE):
        yield "".join([_BYTES[byte] for byte in data[begin : begin + _BYTES_PER_LINE]])
