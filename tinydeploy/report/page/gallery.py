"""Pictures within a page: it needs no other file."""

from __future__ import annotations

import base64
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from tinydeploy.report.build_report import BoxFacts
from tinydeploy.report.page.words import make_printable


@dataclass(frozen=True)
class Picture:
    """A picture as a data URI, what it shows, and what is to be said of it."""

    data: str
    title: str
    lines: tuple[str, ...]


def show_picture(
    files: Mapping[str, bytes], name: str, title: str, lines: Sequence[str]
) -> tuple[Picture, ...]:
    """The picture of this name; none where its file is not there."""
    if name not in files:
        return ()
    data = base64.b64encode(files[name]).decode()
    text = tuple(make_printable(line) for line in lines)
    return (Picture(f"data:image/png;base64,{data}", make_printable(title), text),)


def count_boxes(net: str, boxes: Sequence[BoxFacts]) -> str:
    """`TinyNPU: 3 boxes: 4 (0.98), 7 (0.91), 7 (0.62)`."""
    found = ", ".join(f"{box.label} ({box.score:.2f})" for box in boxes)
    count = f"{len(boxes)} box{'' if len(boxes) == 1 else 'es'}"
    return f"{net}: {count}{': ' if boxes else ''}{found}"
