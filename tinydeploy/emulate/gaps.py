"""What of a memory an image leaves free: whole pages that can be trapped, and bytes beside them."""

from __future__ import annotations

from collections.abc import Iterable

Range = tuple[int, int]
"""First address, and the address behind the last."""


def find_gaps(begin: int, end: int, used: Iterable[Range]) -> list[Range]:
    """What of [begin, end) lies in none of the used ranges."""
    gaps = []
    for first, last in sorted(used):
        if first > begin:
            gaps.append((begin, min(first, end)))
        begin = max(begin, last)
        if begin >= end:
            return gaps
    return [*gaps, (begin, end)]


def split_gap(gap: Range, page: int) -> tuple[Range | None, list[Range]]:
    """The whole pages in a gap, if any, and what is left at its sides."""
    begin, end = gap
    first, last = -(-begin // page) * page, end // page * page
    if first >= last:
        return None, [gap]
    return (first, last), [edge for edge in ((begin, first), (last, end)) if edge[0] < edge[1]]
