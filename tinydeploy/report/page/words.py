"""Numbers and names as the page writes them."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Final

_SHOWN_NAME: Final = 34


def make_printable(text: str) -> str:
    """The text on one line; names come from models, and may hold anything."""
    return "".join(c if c.isprintable() else "?" for c in " ".join(text.split()))


def short_name(name: str) -> str:
    """The end of a tensor's name; converters list all operators that became one."""
    first = make_printable(name.partition(";")[0])
    return first if len(first) <= _SHOWN_NAME else f"…{first[1 - _SHOWN_NAME :]}"


def show_count(value: int | None) -> str:
    """`12,501,632`; nothing for what was not measured."""
    return "" if value is None else f"{value:,}"


def show_large(value: float) -> str:
    """Three digits and a unit: `12.5 M`, `812`."""
    for limit, unit in ((1e9, " G"), (1e6, " M"), (1e4, " k")):
        if abs(value) >= limit:
            scaled = value / (1e3 if limit < 1e6 else limit)
            return (f"{scaled:#.3g}".rstrip(".") if scaled < 999.5 else f"{scaled:,.0f}") + unit
    return f"{value:,.0f}"


def show_size(size: int) -> str:
    """Bytes in the unit that people think in: `15.0 KiB`, `1.00 MiB`, `812 bytes`."""
    if size < 1024:
        return f"{size:,} bytes"
    if size < 1024 * 1024:
        return f"{size / 1024:.1f} KiB"
    return f"{size / 1024 / 1024:.2f} MiB"


def show_share(part: float, whole: float) -> str:
    """A share in percent, as exact as is of interest; nothing of nothing."""
    if not whole:
        return ""
    percent = 100 * part / whole
    return f"{percent:.1f} %" if percent < 99.95 or part == whole else "99.9 %"


def show_percent(share: float) -> str:
    """A share of 0 to 1 as `98.44 %`."""
    return f"{100 * share:.2f} %"


def show_shape(shape: Sequence[int]) -> str:
    """`32×32×16`, without a first dimension of 1."""
    sizes = shape[1:] if len(shape) > 1 and shape[0] == 1 else shape
    return "×".join(map(str, sizes)) or "1"


def show_decibels(value: float | None) -> str:
    """One digit behind the point; `∞` is for equal values."""
    return "" if value is None else f"{value:.1f}"


def show_real(value: float) -> str:
    """A real number, four digits and more where they stand before the point."""
    return f"{value:,.0f}" if 1e4 <= abs(value) < 1e8 else f"{value:.4g}"


def list_words(words: Sequence[str]) -> str:
    """`a`, `a and b`, `a, b and c`."""
    if len(words) < 2:
        return "".join(words)
    return f"{', '.join(words[:-1])} and {words[-1]}"
