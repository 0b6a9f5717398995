"""Each tool's commands, and what its words mean, with stand-ins that speak as the tools do."""

from __future__ import annotations

from pathlib import Path

import pytest
from stand_ins import BOARD, StandIns, make_job

from tinydeploy.errors import BoardLinkError
from tinydeploy.flash.flash_board import TOOLS, flash_board

# What identifies the board's chip, and another one, in each tool's words.
_ID = {
    "openocd": ("openocd", "echo 'tinydeploy-chip-id 0x5c001000: {word} '"),
    "stlink": ("st-info", "echo ' 1.'; echo '  serial: 99'; echo '  chipid:     {short}'"),
    "cubeprogrammer": ("STM32_Programmer_CLI", "echo 'Device ID   : {short}'"),
}


@pytest.mark.parametrize("name", list(_ID))
def test_success_and_another_chip(name: str, tmp_path: Path, stand_ins: StandIns) -> None:
    program, script = _ID[name]
    stand_ins.add("st-flash", "exit 0")
    stand_ins.add(program, script.format(word="20036450", short="0x450"))
    job = make_job(tmp_path, serial="99")
    flash_board(job, TOOLS[name])
    first, last = stand_ins.calls
    expected = {
        "openocd": f"program {{{job.elf}}} verify reset exit",
        "stlink": f"--serial=99 write {job.binary} 0x08000000",
        "cubeprogrammer": f"sn=99 -d {job.elf} -v -rst",
    }[name]
    assert expected in last
    assert "99" in first or name == "stlink"
    stand_ins.add(program, script.format(word="10036470", short="0x470"))
    with pytest.raises(BoardLinkError, match=r"id 0x470 \(STM32L4R/L4S\); NUCLEO-H743ZI2 has"):
        flash_board(job, TOOLS[name])
    assert len(stand_ins.calls) == 3  # nothing was written


def test_dfu_reads_back(tmp_path: Path, stand_ins: StandIns) -> None:
    job = make_job(tmp_path)
    store = f"{tmp_path}/flash"
    # The file stands last on the command line, whatever is done with it.
    stand_ins.add(
        "dfu-util",
        "for last; do :; done\n"
        f'case "$*" in *-U*) cp {store} "$last";; *) cp "$last" {store};; esac',
    )
    flash_board(job, TOOLS["dfu"])
    write, read = stand_ins.calls
    assert write == f"dfu-util -d 0483:df11 -a 0 -s 0x08000000 -D {job.binary}"
    assert read.endswith("-s 0x08000000:5:leave -U read_back.bin")
    (job.scratch / "read_back.bin").unlink()
    stand_ins.add(
        "dfu-util",
        'for last; do :; done\ncase "$*" in *-U*) echo wrong > "$last";; esac',
    )
    with pytest.raises(BoardLinkError, match="what was read back is not what was written"):
        flash_board(job, TOOLS["dfu"])


PROBE_USED = "in use by another program"
NO_PROBE = "finds no"
LOCKED = "is protected"
DENIED = "this user may not use"
SILENT = "does not answer"


@pytest.mark.parametrize(
    ("name", "program", "says", "means"),
    [
        ("openocd", "openocd", "Error: open failed\n** OpenOCD init failed **", NO_PROBE),
        ("openocd", "openocd", "Error: libusb_open() failed with LIBUSB_ERROR_ACCESS", DENIED),
        ("openocd", "openocd", "Error: libusb_claim_interface() failed: LIBUSB_ERROR_BUSY",
         PROBE_USED),
        ("openocd", "openocd", "Error: stm32x device protected", LOCKED),
        ("openocd", "openocd", "Error: init mode failed (unable to connect to the target)", SILENT),
        ("openocd", "openocd", "embedded:startup.tcl: Error: Can't find board/x.cfg",
         "has no configuration"),
        ("openocd", "openocd", "Error: JTAG tap: expected 1 of 1: 0x6ba00477", "is not that of"),
        ("openocd", "openocd", "** Verify Failed **", "not what was written"),
        ("stlink", "st-info", "Couldn't find any ST-Link devices", NO_PROBE),
        ("stlink", "st-info", "libusb requires write access to USB device nodes", DENIED),
        ("stlink", "st-info", "Can not connect to target. Please use", SILENT),
        ("stlink", "st-info", "Flash memory is write protected", LOCKED),
        ("cubeprogrammer", "STM32_Programmer_CLI", "Error: No debug probe detected.", NO_PROBE),
        ("cubeprogrammer", "STM32_Programmer_CLI", "Error: failed to erase memory", LOCKED),
        ("cubeprogrammer", "STM32_Programmer_CLI", "ST-LINK error (DEV_USB_COMM_ERR)", PROBE_USED),
        ("cubeprogrammer", "STM32_Programmer_CLI", "Error: No STM32 target found!", SILENT),
        ("dfu", "dfu-util", "dfu-util: No DFU capable USB device available", NO_PROBE),
        ("dfu", "dfu-util", "Cannot open DFU device 0483:df11 (LIBUSB_ERROR_ACCESS)", DENIED),
    ],
)  # fmt: skip
def test_what_the_tools_say(
    name: str, program: str, says: str, means: str, tmp_path: Path, stand_ins: StandIns
) -> None:
    stand_ins.add(program, f'echo "{says}" >&2; exit 1')
    with pytest.raises(BoardLinkError, match=means) as caught:
        flash_board(make_job(tmp_path), TOOLS[name])
    assert caught.value.hint


def test_what_is_not_known_is_quoted(tmp_path: Path, stand_ins: StandIns) -> None:
    stand_ins.add("openocd", "echo 'a new kind of error' >&2; exit 7")
    with pytest.raises(BoardLinkError, match="exit code 7") as caught:
        flash_board(make_job(tmp_path), TOOLS["openocd"])
    assert "a new kind of error" in caught.value.message


def test_probes_are_read_from_what_tools_list(stand_ins: StandIns) -> None:
    stand_ins.add(
        "st-info",
        "echo 'Found 2 stlink programmers'; echo ' 1.'; echo '  serial: A1'; echo '  serial: B2'",
    )
    stand_ins.add("STM32_Programmer_CLI", "echo 'ST-LINK SN  : A1'; echo 'ST-LINK SN : B2'")
    stand_ins.add(
        "dfu-util",
        "echo 'Found Runtime: [05ac:8290] ver=0167, serial=\"X\"'\n"
        'echo \'Found DFU: [0483:df11] ver=0200, alt=1, name="@Option Bytes", serial="A1"\'\n'
        'echo \'Found DFU: [0483:df11] ver=0200, alt=0, name="@Internal", serial="A1"\'',
    )
    assert [probe.serial for probe in TOOLS["stlink"].list_probes()] == ["A1", "B2"]
    assert [probe.serial for probe in TOOLS["cubeprogrammer"].list_probes()] == ["A1", "B2"]
    assert [probe.serial for probe in TOOLS["dfu"].list_probes()] == ["A1"]


def test_the_binary_is_needed(tmp_path: Path, stand_ins: StandIns) -> None:
    job = make_job(tmp_path)
    job.binary.unlink()
    for name in ("stlink", "dfu", "pyocd"):
        with pytest.raises(Exception, match=r"there is no .*firmware\.bin"):
            TOOLS[name].steps(job)
    assert BOARD.title == job.board.title
