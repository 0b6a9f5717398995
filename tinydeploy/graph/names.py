"""Names that may be used in C."""

from __future__ import annotations

import re
from typing import Final

MAX_LENGTH: Final = 40

# Keywords of C11 and C++20 in lower-case, and names that a program must not redefine.
_RESERVED: Final = frozenset(
    """
    alignas alignof and and_eq asm auto bitand bitor bool break case catch char char8_t char16_t
    char32_t class compl concept const consteval constexpr constinit const_cast continue
    co_await co_return co_yield decltype default delete do double dynamic_cast else enum
    explicit export extern false float for friend goto if inline int long mutable namespace new
    noexcept not not_eq nullptr operator or or_eq private protected public register
    reinterpret_cast requires restrict return short signed sizeof static static_assert
    static_cast struct switch template this thread_local throw true try typedef typeid typename
    typeof union unsigned using virtual void volatile wchar_t while xor xor_eq main td
    """.split()  # noqa: SIM905 - sixty quoted words would fill a screen
)


def model_name(text: str) -> str:
    """Makes a C identifier out of any text, for use as the prefix of generated names.

    Args:
        text: E.g. the stem of a file's name.

    Returns:
        Lower-case letters, digits and single underscores, beginning with a letter, at most
        `MAX_LENGTH` long, no keyword of C or C++; "model" where nothing is left of the text.
    """
    name = re.sub(r"[^a-z0-9]+", "_", text.lower())[:MAX_LENGTH].strip("_")
    if not name:
        return "model"
    if name[0].isdigit() or name in _RESERVED or name.startswith("td_"):
        return f"model_{name}"[:MAX_LENGTH].rstrip("_")
    return name
