"""Finds a built image, and what the report beside it says of it."""

from __future__ import annotations

import json
from dataclasses import dataclass
from pathlib import Path

from tinydeploy.errors import InputFileError, UsageError


@dataclass(frozen=True)
class BuiltImage:
    """An image and where it belongs.

    Args:
        elf: The firmware.
        board: Name of its board.
        model: Name of its model; empty where no report tells.
    """

    elf: Path
    board: str
    model: str


def find_image(image: Path, board: str | None) -> BuiltImage:
    """The image that an ELF file or a build's output folder names.

    Args:
        image: What the user named.
        board: The board's name; None for the one in the report.

    Raises:
        InputFileError: There is no image there, or its report is damaged.
        UsageError: The board is neither given nor told by a report.json beside the image.
    """
    elf = image / "firmware.elf" if image.is_dir() else image
    try:
        with elf.open("rb") as file:
            magic = file.read(4)
    except OSError as error:
        raise InputFileError(
            f"there is no firmware image {elf} ({error.strerror or error})",
            "Build one first: tinydeploy build --board BOARD",
        ) from error
    if magic != b"\x7fELF":
        raise InputFileError(
            f"{elf} is no ELF file", "Give the firmware.elf of a build, or its folder."
        )
    report = elf.with_name("report.json")
    model = ""
    if report.is_file():
        try:
            content = json.loads(report.read_text(encoding="utf-8"))
            model, name = str(content["model"]["name"]), str(content["board"]["name"])
        except (OSError, ValueError, KeyError, TypeError) as error:
            raise InputFileError(f"{report} is damaged: {error!r}", "Build again.") from error
        board = board or name
    if board is None:
        raise UsageError(f"which board is {elf} for?", "Add --board BOARD.")
    return BuiltImage(elf, board, model)
