"""Writes a model in the format that the user asks for."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Literal

from tinydeploy.graph.tflite_file import parse_tflite
from tinydeploy.project.formats.arduino import arduino_files
from tinydeploy.project.formats.handover import Handover
from tinydeploy.project.formats.library import library_files
from tinydeploy.project.formats.platformio import platformio_files
from tinydeploy.project.formats.tflm import tflm_files
from tinydeploy.project.formats.tflm_ops import list_operators
from tinydeploy.project.formats.zephyr import zephyr_files

Format = Literal["cmake", "library", "tflm", "zephyr", "platformio", "arduino"]

_WRITERS: Mapping[Format, Callable[[Handover], dict[str, bytes]]] = {
    "library": library_files,
    "tflm": tflm_files,
    "zephyr": zephyr_files,
    "platformio": platformio_files,
    "arduino": arduino_files,
}


def check_format(chosen: Format, tflite: bytes) -> None:
    """Says early what format_files() would refuse.

    Raises:
        UnsupportedModelError: The format has no way to run the model.
    """
    if chosen == "tflm":
        list_operators(parse_tflite(tflite))


def format_files(chosen: Format, handover: Handover) -> dict[str, bytes]:
    """All files of a format, by path in its folder; the same arguments give the same bytes.

    Args:
        chosen: The format; "cmake" is the firmware project, which there always is: no files.
        handover: The model.

    Raises:
        UnsupportedModelError: See check_format().
    """
    if chosen == "cmake":
        return {}
    return dict(sorted(_WRITERS[chosen](handover).items()))
