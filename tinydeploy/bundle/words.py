"""The command that builds the same again from the int8 model."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

_OPTIONS = ("optimize", "max_ram", "max_flash", "vectors", "baud", "watchdog")
OMITTED = {
    "model": "the int8 file is given",
    "options": "likewise: nothing is quantized again",
    "output": "whoever builds says where",
    "min_snr": "the float net is not there to measure against",
    "max_drop": "likewise",
    "chosen_format": "changes nothing in firmware/",
    "emulate": "changes no byte",
    "keep": "likewise",
    "bundle": "likewise",
}
"""Fields of a BuildRequest that a command has no need of, and why."""


def list_words(model: str, request: Mapping[str, Any], defaults: Mapping[str, Any]) -> list[str]:
    """The arguments of `tinydeploy`.

    Args:
        model: The .tflite file.
        request: The fields of the BuildRequest.
        defaults: Those of one that asks for nothing in particular.
    """
    words = ["build", model, "--board", Path(request["board"]).name]
    for name in _OPTIONS:
        if request[name] != defaults[name]:
            words += [f"--{name.replace('_', '-')}", str(request[name])]
    if request["input_form"] != defaults["input_form"]:
        words += ["--input", request["input_form"]]
    if request["max_extra_macs"] is not None:
        words += ["--max-extra-macs", f"{100 * request['max_extra_macs']:.10g}%"]
    if request["float_ends"]:
        words += ["--io", "float"]
    if request["mlperf"]:
        words += ["--firmware", "mlperf"]
    return words
