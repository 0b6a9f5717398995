"""Writes a model in the format that the user asks for."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Literal

from tinydeploy.project.formats.handover import Handover
from tinydeploy.project.formats.library import library_files

Format = Literal["cmake", "library"]

_WRITERS: Mapping[Format, Callable[[Handover], dict[str, bytes]]] = {
    "library": library_files,
}


def format_files(chosen: Format, handover: Handover) -> dict[str, bytes]:
    """All files of a format, by path in its folder; the same arguments give the same bytes.

    Args:
        chosen: The format; "cmake" is the firmware project, which there always is: no files.
        handover: The model.
    """
    if chosen == "cmake":
        return {}
    return dict(sorted(_WRITERS[chosen](handover).items()))
