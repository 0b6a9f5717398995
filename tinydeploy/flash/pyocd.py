"""pyOCD: through any probe that it knows, or the remote probe of an emulated board."""

from __future__ import annotations

import json
import re
import sys
from importlib.util import find_spec
from typing import ClassVar

from tinydeploy.board import Board
from tinydeploy.errors import BoardLinkError, UsageError
from tinydeploy.flash.chip_id import check_device, find_chip_id
from tinydeploy.flash.run import run_command
from tinydeploy.flash.tool import (
    IN_USE,
    NO_ACCESS,
    NO_PROBE,
    NO_TARGET,
    PROTECTED,
    READ_BACK,
    FlashTool,
    Job,
    Probe,
    Step,
    Trouble,
    check_read_back,
    need_binary,
)

_PYOCD = (sys.executable, "-m", "pyocd")


class PyOcd(FlashTool):
    """See FlashTool."""

    name = "pyocd"
    advice = "pip install 'tinydeploy[flash]'"
    takes_remote = True
    troubles: ClassVar[tuple[Trouble, ...]] = (
        Trouble(
            r"probe is in use|LIBUSB_ERROR_BUSY|already (open|claimed)|Resource busy",
            "the probe is in use by another program",
            IN_USE,
        ),
        Trouble(
            r"LIBUSB_ERROR_ACCESS|Access denied|insufficient permissions",
            "this user may not use the probe",
            NO_ACCESS,
        ),
        Trouble(
            r"Connection refused",
            "nothing listens at the remote port",
            "Start it: tinydeploy emulate --debug-port PORT, and name that port.",
        ),
        Trouble(
            r"No connected debug probes|No (target )?device available|no available debug probe",
            "{tool} finds no debug probe",
            NO_PROBE,
        ),
        Trouble(
            r"Target type .* not recognized|unknown target",
            "this pyOCD does not know the chip of {board}",
            "Its support comes with a pack: pyocd pack install CHIP, e.g. stm32l4r9. OpenOCD knows"
            " the boards without one: --probe openocd.",
        ),
        Trouble(
            r"DEV_ID 0x\w+ did not match",
            "the chip that is attached is not that of {board}",
            "Is another board attached? Nothing was written.",
        ),
        Trouble(
            r"read protection|target is locked|Memory transfer fault.*@ 0x08|erase_sector.*fail"
            r"|flash (erase|program).*fail",
            "the flash of {board} is protected",
            PROTECTED,
        ),
        Trouble(
            r"No ACK|SWD/JTAG communication failure|Transfer(Timeout)?Error|no cores were",
            "the probe is there, but the chip of {board} does not answer",
            NO_TARGET,
        ),
    )

    def is_installed(self) -> bool:
        """See FlashTool."""
        return find_spec("pyocd") is not None

    def knows(self, board: Board) -> bool:
        """See FlashTool."""
        return "pyocd" in board.probes

    def list_probes(self) -> list[Probe]:
        """See FlashTool."""
        output = run_command([*_PYOCD, "json", "--probes"], self.name).output
        try:
            boards = json.loads(output[output.index("{") :])["boards"]
            return [Probe(str(each["unique_id"]), str(each["info"])) for each in boards]
        except (ValueError, KeyError, TypeError):
            return []

    def steps(self, job: Job) -> list[Step]:
        """See FlashTool."""
        binary, chip = need_binary(job), find_chip_id(job.board)
        if chip is None:
            raise UsageError(f"the chip family '{job.board.family}' has no known id")
        options = ["-W", "--target", job.board.probes["pyocd"]]
        if job.remote:
            host, _, port = job.remote.rpartition(":")
            options += ["--uid", f"remote:{host or 'localhost'}:{port}"]
        elif job.serial:
            options += ["--uid", job.serial]
        flash = job.board.code_memory.address
        commander = [*_PYOCD, "commander", *options]
        # In the folder where commands run: pyOCD's command line takes no blanks in paths.
        save = f"savemem {flash:#010x} {binary.stat().st_size} {READ_BACK}"
        return [
            Step(
                [*commander, "-c", f"read32 {chip.address:#010x}"],
                "read the chip's id",
                lambda output: _check_id(output, chip.address, job.board),
            ),
            Step([*_PYOCD, "load", *options, "--no-reset", str(job.elf)], "write"),
            Step(
                [*commander, "-c", save, "-c", "reset"],
                "compare, start",
                lambda output: check_read_back(job),
            ),
        ]


def _check_id(output: str, address: int, board: Board) -> None:
    found = re.search(rf"{address:08x}:\s+([0-9a-f]{{8}})", output, re.IGNORECASE)
    if not found:
        raise BoardLinkError(f"pyocd could not read the chip's id: {output[-200:]}", NO_TARGET)
    check_device(int(found[1], 16), board)
