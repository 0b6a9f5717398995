"""Finds a built image, and what the report beside it says of it."""

from __future__ import annotations

import json
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from tinydeploy.board import Board, Link, choose_link, load_board, with_baud
from tinydeploy.errors import InputFileError, UsageError
from tinydeploy.project.publish import ACCELERATED_REPORT, REPORTS


@dataclass(frozen=True)
class BuiltImage:
    """An image and where it belongs.

    Args:
        elf: The firmware.
        board: Name of its board.
        model: Name of its model; empty where no report tells.
        baud: Bits per second of its console; None where no report tells: as the board file says.
        accelerated: It needs a TinyNPU beside the board.
        link: How that is linked.
    """

    elf: Path
    board: str
    model: str
    baud: int | None = None
    accelerated: bool = False
    link: Link = "spi"


def find_image(image: Path, board: str | None) -> BuiltImage:
    """The image that an ELF file or a build's output folder names.

    Args:
        image: What the user named.
        board: The board's name; None for the one in the report.

    Raises:
        InputFileError: There is no image there, or its report is damaged.
        UsageError: The board is neither given nor told by a report beside the image.
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
    model, baud = "", None
    if report.is_file():
        try:
            content = json.loads(report.read_text(encoding="utf-8"))
            model, name = str(content["model"]["name"]), str(content["board"]["name"])
            baud = int(content["board"]["baud"]) if "baud" in content["board"] else None
        except (OSError, ValueError, KeyError, TypeError) as error:
            raise InputFileError(f"{report} is damaged: {error!r}", "Build again.") from error
        board = board or name
    report = elf.with_name(ACCELERATED_REPORT)
    accelerated = not model and report.is_file()
    link: Link = "spi"
    if accelerated:
        try:
            facts = json.loads(report.read_text(encoding="utf-8"))
            model, name = str(facts["model"]), str(facts["board"])
            link = choose_link(facts["link"])
        except (OSError, ValueError, KeyError, TypeError) as error:
            raise InputFileError(f"{report} is damaged: {error!r}", "Build again.") from error
        board = board or name
    if board is None:
        raise UsageError(f"which board is {elf} for?", "Add --board BOARD.")
    return BuiltImage(elf, board, model, baud, accelerated, link)


def load_built_board(built: BuiltImage) -> Board:
    """The board of an image, with the console as the image sets it up."""
    board = load_board(built.board)
    return board if built.baud is None else with_baud(board, built.baud)


def read_report(built: BuiltImage) -> dict[str, Any]:
    """What the report beside an image says (docs/report.md).

    Raises:
        InputFileError: There is none, or it is damaged.
    """
    try:
        content = json.loads(_read_beside(built, "report.json"))
    except ValueError as error:
        raise InputFileError(f"{_beside(built, 'report.json')} is damaged: {error}") from error
    return dict(content)


def read_built_model(built: BuiltImage) -> bytes:
    """The int8 .tflite beside an image.

    Raises:
        InputFileError: There is none.
    """
    return _read_beside(built, "model.tflite")


def _beside(built: BuiltImage, name: str) -> Path:
    return built.elf.with_name(name)


def _read_beside(built: BuiltImage, name: str) -> bytes:
    path = _beside(built, name)
    try:
        return path.read_bytes()
    except OSError as error:
        raise InputFileError(
            f"cannot read {path}: {error.strerror or error}",
            "The folder of a build holds it, beside the image.",
        ) from error


def newest_build() -> Path:
    """The output folder of the newest build in out/.

    Raises:
        UsageError: There is none.
    """
    found = [path for name in REPORTS for path in Path("out").glob(f"*/{name}")]
    reports = sorted(found, key=lambda path: path.stat().st_mtime)
    if not reports:
        raise UsageError(
            "there is no build in out/", "Build one, or name its folder with --build DIR."
        )
    return reports[-1].parent
