"""Commands that talk to a board, over the pseudo terminal of an emulated one."""

from __future__ import annotations

import json
import os
import shutil
import threading
from collections.abc import Callable, Iterator
from pathlib import Path

import numpy as np
import pytest

from tests.builders import conv_model
from tinydeploy.board import load_board
from tinydeploy.cli.image import find_image, load_built_board
from tinydeploy.cli.main import main
from tinydeploy.emulate.emulated_board import EmulatedBoard
from tinydeploy.emulate.pty_bridge import PtyBridge

Outcome = tuple[int, str, str]
BAUD = 921_600


@pytest.fixture
def cli(
    capfd: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> Callable[..., Outcome]:
    """Runs a command in an empty folder: exit code, stdout, stderr."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("COLUMNS", "80")

    def run(*words: str | Path) -> Outcome:
        with pytest.raises(SystemExit) as caught:
            main([str(word) for word in words])
        out, err = capfd.readouterr()
        return int(caught.value.code or 0), out, err

    return run


@pytest.fixture(scope="session")
def builds(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, Path]:
    """Two builds: the one that the board runs, at 921,600 baud, and one of another model."""
    folder = tmp_path_factory.mktemp("builds")
    for name, channels in (("small", 4), ("other", 5)):
        (folder / f"{name}.tflite").write_bytes(conv_model((8, 8, 3), channels))
        words = ["build", folder / f"{name}.tflite", "--board", "stm32l4r9", "-q"]
        words += ["--baud", BAUD, "-o", folder / name]
        with pytest.raises(SystemExit) as caught:
            main(list(map(str, words)))
        assert caught.value.code == 0
    return folder / "small", folder / "other"


@pytest.fixture
def port(builds: tuple[Path, Path]) -> Iterator[str]:
    board = load_built_board(find_image(builds[0], None))
    assert board.console.baud == BAUD
    with EmulatedBoard(builds[0] / "firmware.elf", board) as emulated:
        with PtyBridge(emulated) as bridge:
            yield bridge.port
        assert emulated.baud() == pytest.approx(BAUD, rel=0.005)


def test_validate(cli: Callable[..., Outcome], builds: tuple[Path, Path], port: str) -> None:
    code, out, _ = cli("validate", builds[0], "--on", "board", "--port", port, "--vectors", "3")
    assert code == 0
    assert "3 inputs" in out
    assert "all equal ai-edge-litert" in out
    assert "self-test ok" in out
    code, out, _ = cli("validate", builds[0], "--on", "board", "--port", port, "--json")
    facts = json.loads(out)
    assert code == 0
    assert facts["bit_exact"] is facts["selftest_passed"] is True
    assert facts["bytes_compared"] == 20 * 8 * 8 * 4


def test_a_wrong_byte_is_found(
    cli: Callable[..., Outcome], builds: tuple[Path, Path], tmp_path: Path
) -> None:
    """The image runs; the model beside it has one weight changed, and so other outputs."""
    other = tmp_path / "changed"
    other.mkdir()
    for name in ("firmware.elf", "report.json"):
        (other / name).write_bytes((builds[0] / name).read_bytes())
    (other / "model.tflite").write_bytes(conv_model((8, 8, 3), 4, seed=1))
    code, _, err = cli("validate", other, "--on", "emulator", "--vectors", "2")
    assert code == 4
    assert "of 512 bytes" in err
    assert "instead of" in err


def test_bench(cli: Callable[..., Outcome], builds: tuple[Path, Path], port: str) -> None:
    code, out, _ = cli("bench", builds[0], "--on", "board", "--port", port, "--runs", "3", "--json")
    assert code == 0
    facts = json.loads(out)
    assert (facts["runs"], facts["clock_hz"], facts["unit"]) == (3, 120_000_000, "cycles")
    (layer,) = facts["layers"]
    assert layer["op"] == "CONV_2D"
    assert 0 < layer["min"] <= layer["median"] <= layer["max"]
    assert abs(layer["median"] - facts["total"]["median"]) < 100  # asking the counter costs some
    code, table, _ = cli("bench", builds[0], "--on", "emulator", "--runs", "1")
    assert code == 0
    assert f"{facts['total']['median']:,}" in table  # the same counter, over another line
    assert "instructions of 1 inference\n" in table


def test_run(cli: Callable[..., Outcome], builds: tuple[Path, Path], port: str) -> None:
    np.save("input.npy", np.zeros((8, 8, 3), np.int8))
    words = ("run", "input.npy", "--build", builds[0])
    code, out, _ = cli(*words, "--on", "board", "--port", port)
    assert code == 0
    assert " ms, " in out
    assert " cycles" in out
    code, out, _ = cli(*words, "--on", "emulator")
    assert code == 0
    assert "instructions, estimated 0." in out


@pytest.mark.parametrize("command", ["validate", "bench"])
def test_another_build_is_refused(
    cli: Callable[..., Outcome], builds: tuple[Path, Path], port: str, command: str
) -> None:
    code, out, err = cli(command, builds[1], "--on", "board", "--port", port)
    assert code == 1
    assert not out
    assert "of model small for STM32L4R9I-DISCO, not build" in err
    assert "tinydeploy flash" in err


def test_monitor_greets(cli: Callable[..., Outcome], builds: tuple[Path, Path], port: str) -> None:
    code, out, err = cli("monitor", builds[0], "--port", port, "--seconds", "0.5")
    assert code == 0
    assert "self-test ok" in out  # as on a board that is reset while somebody listens
    assert f"{port}, {BAUD} baud" in err
    assert "small on" in err
    assert "not the build" not in err
    code, _, err = cli("monitor", builds[1], "--port", port, "--seconds", "0")
    assert "not the build that was named" in err


def test_monitor_shows_text_and_explains_faults(
    cli: Callable[..., Outcome], builds: tuple[Path, Path]
) -> None:
    """A board that only prints: its text comes once the command has opened the port."""
    main_at = EmulatedBoard(builds[0] / "firmware.elf", load_board("stm32l4r9")).image.symbols
    place = (main_at["main"] & ~1) + 2
    fault = f"FAULT pc {place:08x} lr {place + 9:08x} sp 20000ff0 cfsr 00008200 hfsr 40000000"
    text = f"boot\r\n\x1b[2Jself-test ok\r\n{fault} bfar 28000000 mmfar 28000000\r\n".encode()
    master, terminal = os.openpty()

    def speak() -> None:
        os.read(master, 1)  # the port is open: HELLO arrives
        for at in range(0, len(text), 7):
            os.write(master, text[at : at + 7])

    speaker = threading.Thread(target=speak)
    speaker.start()
    name = os.ttyname(terminal)
    alone = shutil.copy(builds[0] / "firmware.elf", "mine.elf")  # as of a project's own `make`
    code, out, err = cli("monitor", alone, "--port", name, "--seconds", "0.3")
    speaker.join()
    os.close(master)
    os.close(terminal)
    assert code == 0
    assert "no firmware of tinydeploy answers" in err
    lines = out.splitlines()
    assert lines[:2] == ["boot", "·[2Jself-test ok"]
    assert lines[2].startswith("FAULT pc")
    assert lines[3] == "  why     a data access was refused by the bus"
    assert lines[4] == "  address 0x28000000"
    assert lines[5].startswith(f"  at      {place:#010x} main (")
    assert "main.c:" in lines[5]
    assert lines[6].startswith("  called  from main (")


def test_without_pseudo_terminals(
    cli: Callable[..., Outcome], builds: tuple[Path, Path], monkeypatch: pytest.MonkeyPatch
) -> None:
    """As on Windows."""
    monkeypatch.delattr(os, "openpty")
    code, _, err = cli("emulate", builds[0], "--pty")
    assert code == 2
    assert "no pseudo terminals" in err
    assert "--on emulator" in err


@pytest.mark.parametrize(
    ("words", "code", "message"),
    [
        (["validate", "{build}", "--port", "COM3"], 2, "--on board"),
        (["validate", "{build}", "--on", "emulator", "--port", "COM3"], 2, "needs no port"),
        (
            ["validate", "{build}", "--on", "emulator", "--against", "litert-default"],
            2,
            "--on or --against, not both",
        ),
        (["validate", "{build}/model.tflite", "--on", "emulator"], 1, "no ELF file"),
        (["bench", "{build}", "--on", "board", "--port", "/dev/nothing"], 1, "no serial port"),
        (["bench", "--on", "emulator"], 2, "there is no build in out/"),
        (["build", "--board", "stm32h743", "--output", "{build}/report.json/x"], 1, "is no folder"),
        (["monitor", "--port", "/dev/nothing"], 1, "there is no serial port /dev/nothing"),
        (["build", "--board", "stm32l4r9", "--baud", "12"], 2, "cannot run at 12 baud"),
    ],
)
def test_mistakes(
    cli: Callable[..., Outcome],
    builds: tuple[Path, Path],
    words: list[str],
    code: int,
    message: str,
) -> None:
    found, _, err = cli(*(word.format(build=builds[0]) for word in words))
    assert found == code
    assert message in " ".join(err.split())


def test_validate_in_qemu(cli: Callable[..., Outcome], builds: tuple[Path, Path]) -> None:
    """A board that QEMU has no machine for is refused; tests/emulate/test_qemu.py has those."""
    code, _, err = cli("validate", builds[0], "--on", "qemu")
    assert code == 2
    assert "QEMU has no machine that is STM32L4R9I-DISCO" in " ".join(err.split())
    assert "mps2-an500" in err
    code, _, err = cli("bench", builds[0], "--on", "qemu")
    assert code == 2
    assert "--on emulator" in err
