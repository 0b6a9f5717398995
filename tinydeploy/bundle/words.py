"""The command that builds the same again from the int8 model."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

# Fields that have an option of their name, with what stands there where none is given.
_OPTIONS = {
    "optimize": "balanced",
    "max_ram": None,
    "max_flash": None,
    "vectors": 0,
    "baud": None,
    "watchdog": None,
}
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
    "command": "likewise",
    "accelerator": "a build with one is refused a bundle",
    "link": "likewise",
}
"""Fields of a BuildRequest that a command has no need of, and why."""


def list_words(model: str, request: Mapping[str, Any]) -> list[str]:
    """The arguments of `tinydeploy`.

    Args:
        model: The .tflite file.
        request: The fields of the BuildRequest.
    """
    words = ["build", model, "--board", Path(request["board"]).name]
    for name, default in _OPTIONS.items():
        if request[name] != default:
            words += [f"--{name.replace('_', '-')}", str(request[name])]
    if request["input_form"] != "arena":
        words += ["--input", request["input_form"]]
    if request["max_extra_macs"] is not None:
        words += ["--max-extra-macs", f"{100 * request['max_extra_macs']:.10g}%"]
    if request["float_ends"]:
        words += ["--io", "float"]
    if request["mlperf"]:
        words += ["--firmware", "mlperf"]
    return words
