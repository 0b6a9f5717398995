"""The emulator as a process: its death, idleness, busyness and end, and images it cannot run."""

from __future__ import annotations

import dataclasses
import os
import random
import signal
import subprocess
import time
from collections.abc import Callable
from pathlib import Path

import pytest
from probe_firmware import Probe

from tinydeploy.board import load_board
from tinydeploy.emulate.emulated_board import EmulatedBoard
from tinydeploy.errors import EmulationError, InputFileError


def pid_of(emulated: EmulatedBoard) -> int:
    return emulated.process.pid


@pytest.mark.parametrize("probe", ["stm32h743"], indirect=True)
@pytest.mark.parametrize("number", [signal.SIGKILL, signal.SIGSEGV])
def test_death_of_the_process(number: signal.Signals, probe: Probe) -> None:
    os.kill(pid_of(probe.emulated), number)
    with pytest.raises(EmulationError, match=f"exit code -{int(number)}"):
        probe.emulated.transport.read(1, 10.0)
    with pytest.raises(EmulationError):
        probe.emulated.instructions()
    with pytest.raises(EmulationError):
        while True:  # the first bytes may still fit into the pipe
            probe.emulated.transport.write(b"C" * 10_000)
    assert probe.emulated.failure() is not None


@pytest.mark.parametrize("probe", ["stm32l4r9"], indirect=True)
def test_questions_while_the_firmware_is_busy(probe: Probe) -> None:
    probe.emulated.transport.write(b"S")  # loops for ever without looking at anything
    before = probe.emulated.instructions()
    time.sleep(0.05)
    assert probe.emulated.instructions() > before + 100_000
    assert probe.emulated.transport.read(1, 0.01) == b""
    begin = time.monotonic()
    probe.emulated.close()
    assert time.monotonic() - begin < 2


def test_closed_board(probes: Callable[[str], Path]) -> None:
    with EmulatedBoard(probes("stm32l4r9"), load_board("stm32l4r9")) as emulated:
        pid = pid_of(emulated)
    with pytest.raises(ProcessLookupError):
        os.kill(pid, 0)
    with pytest.raises(EmulationError, match="is not running"):
        emulated.instructions()
    emulated.close()


def test_answers_after_a_fault(probes: Callable[[str], Path]) -> None:
    with EmulatedBoard(probes("stm32h743"), load_board("stm32h743")) as emulated:
        emulated.transport.write(b"n")
        with pytest.raises(EmulationError, match="reads 4 bytes"):
            while True:
                emulated.transport.read(100, 10.0)
        assert emulated.instructions() > 0
        assert len(emulated.read_memory(0x20000000, 16)) == 16


def test_idle_firmware_costs_nothing(probes: Callable[[str], Path]) -> None:
    with EmulatedBoard(probes("stm32h743"), load_board("stm32h743")) as emulated:
        Probe(emulated).read_until("ready\n")
        time.sleep(0.2)
        ticks = _cpu_ticks(pid_of(emulated))
        time.sleep(1.0)
        used = (_cpu_ticks(pid_of(emulated)) - ticks) / os.sysconf("SC_CLK_TCK")
    assert used < 0.2


def _cpu_ticks(pid: int) -> int:
    stat = Path(f"/proc/{pid}/stat")
    if not stat.exists():
        pytest.skip("no /proc on this system")
    fields = stat.read_text().rpartition(")")[2].split()
    return int(fields[11]) + int(fields[12])


def test_serial_line_is_exact_and_quick(probe: Probe) -> None:
    data = random.Random(3).randbytes(30_000).replace(b".", b"!")
    begin = time.monotonic()
    probe.emulated.transport.write(b"E" + data + b".")
    value = 0
    for byte in data:
        value = (value * 31 + byte) % 2**32
    expected = data + f"hash={value:08x}\n".encode()
    back = b""
    while len(back) < len(expected):
        piece = probe.emulated.transport.read(65536, 10.0)
        assert piece
        back += piece
    assert back == expected
    assert time.monotonic() - begin < 10


def test_memory_is_the_boards(probe: Probe) -> None:
    flash = probe.emulated.read_memory(0x08000000, 8)
    (_, data), *_ = probe.emulated.image.segments
    assert flash == data[:8]
    assert probe.emulated.read_memory(0x08000000 + len(data), 4) == b"\xff" * 4
    for address, size in ((0x60000000, 4), (0x081FFFFE, 4), (0x08000000, -1)):
        with pytest.raises(EmulationError, match="no"):
            probe.emulated.read_memory(address, size)


def test_image_for_another_address(tmp_path: Path, probes: Callable[[str], Path]) -> None:
    moved = tmp_path / "moved.elf"
    command = ["arm-none-eabi-objcopy", "--change-section-lma", "*+0x10000000"]
    subprocess.run([*command, str(probes("stm32l4r9")), str(moved)], check=True)
    with (
        pytest.raises(EmulationError, match="outside the flash of stm32l4r9"),
        EmulatedBoard(moved, load_board("stm32l4r9")),
    ):
        pass


def test_blank_vectors(tmp_path: Path, probes: Callable[[str], Path]) -> None:
    data = bytearray(probes("stm32l4r9").read_bytes())
    at = data.index((0x20001000).to_bytes(4, "little"))
    data[at : at + 8] = b"\xff" * 8
    blank = tmp_path / "blank.elf"
    blank.write_bytes(data)
    with (
        EmulatedBoard(blank, load_board("stm32l4r9")) as emulated,
        pytest.raises(EmulationError, match="the reset vector 0xffffffff does not point"),
    ):
        emulated.transport.read(1, 10.0)


def test_memory_that_cannot_be_mapped(probes: Callable[[str], Path]) -> None:
    board = load_board("stm32l4r9")
    flash, ram = board.memories
    odd = dataclasses.replace(board, memories=(flash, dataclasses.replace(ram, size=1000)))
    with (
        pytest.raises(EmulationError, match="multiple of 4096 bytes"),
        EmulatedBoard(probes("stm32l4r9"), odd),
    ):
        pass


@pytest.mark.parametrize("content", [b"", b"\x7fELF", b"no ELF at all", b"\x7fELF" + bytes(100)])
def test_no_image(content: bytes, tmp_path: Path) -> None:
    path = tmp_path / "bad.elf"
    path.write_bytes(content)
    with pytest.raises(InputFileError, match=r"bad\.elf"):
        EmulatedBoard(path, load_board("stm32h743"))
    with pytest.raises(InputFileError, match="cannot read"):
        EmulatedBoard(tmp_path / "missing.elf", load_board("stm32h743"))


def test_truncated_image(tmp_path: Path, probes: Callable[[str], Path]) -> None:
    whole = probes("stm32h743").read_bytes()
    path = tmp_path / "cut.elf"
    for size in range(0, len(whole), len(whole) // 40):
        path.write_bytes(whole[:size])
        try:
            EmulatedBoard(path, load_board("stm32h743")).image.describe(0x08000200)
        except InputFileError as error:
            assert "cut.elf" in error.message


def test_without_a_compiler(
    probes: Callable[[str], Path], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    elf = probes("stm32h743")
    monkeypatch.setenv("TINYDEPLOY_CACHE", str(tmp_path))
    monkeypatch.setenv("PATH", str(tmp_path))
    monkeypatch.setenv("CC", "there-is-none")
    (tmp_path / "ziglang.py").write_text("raise SystemExit(1)\n")  # a compiler that refuses
    monkeypatch.setenv("PYTHONPATH", str(tmp_path))
    with EmulatedBoard(elf, load_board("stm32h743")) as emulated:
        assert emulated.counter == "python"
        assert Probe(emulated).read_until("ready\n") == "ready\n"
    with (
        pytest.raises(EmulationError, match="needs a C compiler"),
        EmulatedBoard(elf, load_board("stm32h743"), counter="native"),
    ):
        pass
