"""What all flashing tools have in common: a job, the steps that do it, and what went wrong."""

from __future__ import annotations

import re
from abc import ABC, abstractmethod
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import ClassVar

from tinydeploy.board import Board
from tinydeploy.errors import BoardLinkError, TinydeployError, UsageError

IN_USE = "Close the other program that uses it: a debugger, an IDE, a second tinydeploy."
NO_PROBE = (
    "Connect the USB socket of the board's debug probe with a cable that carries data, not power"
    " alone. On Linux the probe also needs udev rules, which the tools' packages bring."
)
NO_ACCESS = "Install the tool's udev rules and connect the probe again, or run as root once to see."
PROTECTED = (
    "Readout or write protection keeps tools out. STM32CubeProgrammer takes readout protection away"
    " and erases the whole chip: STM32_Programmer_CLI -c port=SWD mode=UR -rdu"
)
WORN = "Try again; if it stays, the flash is worn out or the supply is weak."
READ_BACK = "read_back.bin"
NO_TARGET = "Is the board powered, and is nothing holding its reset? Try with the button pressed."


@dataclass(frozen=True)
class Probe:
    """A debug probe, or a chip in its boot loader.

    Args:
        serial: Its serial number.
        name: What it is.
    """

    serial: str
    name: str


@dataclass(frozen=True)
class Job:
    """What is to be flashed, and through what.

    Args:
        elf: The image.
        board: The board.
        serial: Serial number of the probe; empty where there is only one.
        remote: HOST:PORT of an emulated board's debug port; empty for a probe at USB.
        scratch: An empty folder, in which the commands run and leave what they read back.
    """

    elf: Path
    board: Board
    serial: str = ""
    remote: str = ""
    scratch: Path = Path()

    @property
    def binary(self) -> Path:
        """The content of the flash from its first byte on, beside the ELF file."""
        return self.elf.with_suffix(".bin")


@dataclass(frozen=True)
class Step:
    """One command.

    Args:
        command: The command line.
        check: Raises if what it printed, or left behind, is not good.
        purpose: What it is for.
    """

    command: Sequence[str]
    purpose: str
    check: Callable[[str], None] = lambda output: None


@dataclass(frozen=True)
class Trouble:
    """A text that a tool prints, and what it means.

    Args:
        pattern: Regular expression for it, case ignored.
        message: What is wrong; "{tool}" stands for the tool's name.
        hint: What to try.
        kind: The error's class.
    """

    pattern: str
    message: str
    hint: str
    kind: type[TinydeployError] = BoardLinkError


class FlashTool(ABC):
    """A program that writes an image to a board's flash, compares it and starts it."""

    name: ClassVar[str]
    advice: ClassVar[str]  # how to install it
    takes_remote: ClassVar[bool] = False
    troubles: ClassVar[tuple[Trouble, ...]]

    @abstractmethod
    def is_installed(self) -> bool:
        """Whether it can be started here."""

    @abstractmethod
    def knows(self, board: Board) -> bool:
        """Whether it can flash a board."""

    @abstractmethod
    def list_probes(self) -> list[Probe]:
        """What is attached, as far as the tool can tell."""

    @abstractmethod
    def steps(self, job: Job) -> list[Step]:
        """The commands, in order."""

    def explain(self, output: str, board: Board) -> TinydeployError | None:
        """What a failed command's output means; None where it is not known."""
        for trouble in self.troubles:
            if re.search(trouble.pattern, output, re.IGNORECASE):
                return trouble.kind(
                    trouble.message.format(tool=self.name, board=board.title), trouble.hint
                )
        return None


def check_read_back(job: Job) -> None:
    """Compares what a tool has read back, into READ_BACK, with the binary.

    Raises:
        BoardLinkError: It is something else.
    """
    found = job.scratch / READ_BACK
    if not found.is_file() or found.read_bytes() != job.binary.read_bytes():
        raise BoardLinkError("what was read back is not what was written", WORN)


def need_binary(job: Job) -> Path:
    """The binary image, for tools that take no ELF file.

    Raises:
        UsageError: The image has parts in other memories, or there is no binary.
    """
    if not job.binary.is_file():
        raise UsageError(
            f"there is no {job.binary}",
            "Name the folder of a build, or use a tool that takes the ELF file: openocd, pyocd.",
        )
    return job.binary
