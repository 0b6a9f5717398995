"""Reads small TOML files of the user's as hostile input."""

from __future__ import annotations

import tomllib
from typing import Any, Final

from tinydeploy.errors import InputFileError

MAX_CHARACTERS: Final = 1 << 16
MAX_DEPTH: Final = 16


def parse_toml(text: str, source: str, advice: str = "") -> dict[str, Any]:
    """Everything that such a file says.

    Args:
        text: Its text.
        source: Names it in errors.
        advice: How such a file looks.

    Returns:
        Tables and arrays at most `MAX_DEPTH` deep in each other, and integers of 64 bits as TOML
        has them: all can be shown in an error.

    Raises:
        InputFileError: It is no TOML, or larger or deeper than any file of these kinds.
    """
    if len(text) > MAX_CHARACTERS:
        raise InputFileError(f"{source} has {len(text):,} characters; is it another file?", advice)
    try:
        content = tomllib.loads(text)
    except ValueError as error:  # of integers with more than 4,300 digits, too
        raise InputFileError(f"{source} is no TOML: {error}", advice) from error
    except RecursionError as error:
        raise InputFileError(f"{source} has tables or arrays far too deep", advice) from error
    _check_values(content, source, advice, MAX_DEPTH)
    return content


def _check_values(value: Any, source: str, advice: str, depth: int) -> None:
    if isinstance(value, dict | list):
        if depth == 0:
            raise InputFileError(
                f"{source} has tables or arrays more than {MAX_DEPTH} deep", advice
            )
        for item in value.values() if isinstance(value, dict) else value:
            _check_values(item, source, advice, depth - 1)
    elif isinstance(value, int) and not -(1 << 63) <= value < 1 << 63:
        raise InputFileError(f"{source} has an integer of more than 64 bits", advice)
