"""The real OpenOCD and pyOCD flash an emulated board, which then boots and computes."""

from __future__ import annotations

import os
import re
import shutil
import signal
import socket
import subprocess
import sys
from collections.abc import Callable
from importlib.util import find_spec
from pathlib import Path

import pytest
from programs import require_program

from tests.builders import conv_model
from tests.emulate.debuggers import debugged_board
from tinydeploy.cli.main import main
from tinydeploy.emulate.pty_bridge import PtyBridge

ROOT = Path(__file__).resolve().parents[2]
H7, L4 = "stm32h743", "stm32l4r9"
# The builds are made once, not by each of several workers.
pytestmark = pytest.mark.xdist_group("flash")
CASES = [("openocd", H7), ("openocd", L4), ("pyocd", H7)]


@pytest.fixture
def cli(capfd: pytest.CaptureFixture[str]) -> Callable[..., tuple[int, str, str]]:
    """Runs a command: exit code, stdout, stderr."""

    def run(*words: str | Path) -> tuple[int, str, str]:
        with pytest.raises(SystemExit) as caught:
            main([str(word) for word in words])
        out, err = capfd.readouterr()
        return int(caught.value.code or 0), out, err

    return run


@pytest.fixture(scope="session")
def builds(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Path]:
    """A build for each board, in a folder whose name has a blank."""
    folder = tmp_path_factory.mktemp("for flash")
    model = folder / "tiny.tflite"
    model.write_bytes(conv_model((8, 8, 3), 4))
    for name in (H7, L4):
        words = ["build", model, "--board", name, "-q", "-o", folder / name]
        with pytest.raises(SystemExit) as caught:
            main(list(map(str, words)))
        assert caught.value.code == 0
    return {name: folder / name for name in (H7, L4)}


def need(tool: str) -> None:
    if tool == "openocd":
        require_program("openocd")
    elif find_spec("pyocd") is None:
        pytest.skip("pyocd is not installed")


@pytest.mark.parametrize(("tool", "name"), CASES)
def test_from_erased_flash_to_the_same_bytes(
    tool: str, name: str, builds: dict[str, Path], cli: Callable[..., tuple[int, str, str]]
) -> None:
    need(tool)
    build = builds[name]
    with debugged_board(name) as (emulated, port):
        code, out, err = cli("flash", build, "--probe", tool, "--remote", f"localhost:{port}")
        assert (code, err) == (0, "")
        assert f"flashed, compared, started ({tool})" in out
        image = (build / "firmware.bin").read_bytes()
        assert emulated.read_memory(0x08000000, len(image)) == image
        with PtyBridge(emulated) as bridge:
            words = ("--on", "board", "--port", bridge.port, "--vectors", "2")
            code, out, _ = cli("validate", build, *words)
        assert code == 0
        assert "self-test ok" in out


def test_the_manual_without_a_board(
    builds: dict[str, Path],
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    cli: Callable[..., tuple[int, str, str]],
) -> None:
    """The commands of docs/boards.md, at a free port."""
    need("openocd")
    text = (ROOT / "docs" / "boards.md").read_text(encoding="utf-8")
    chapter = text.partition("\n## Flash\n")[2].partition("\n## ")[0]
    plain, emulate, flash = re.findall(r"^    tinydeploy (.*?)(?: &)?$", chapter, re.MULTILINE)
    monkeypatch.chdir(tmp_path)
    shutil.copytree(builds[H7], plain.split()[1])
    code, out, _ = cli(*plain.split(), "--dry-run")
    assert code == 0
    assert out.startswith("openocd -f board/st_nucleo_h743zi.cfg ")
    words = emulate.replace("9995", "0").split()
    with subprocess.Popen(
        [sys.executable, "-m", "tinydeploy", *words], stderr=subprocess.PIPE, text=True
    ) as board:
        assert board.stderr is not None
        port = board.stderr.readline().rpartition(":")[2].strip()
        try:
            code, out, err = cli(*flash.replace("9995", port).split())
            board.send_signal(signal.SIGINT)
            assert board.wait(20) == 0
        finally:
            board.kill()
    assert (code, err) == (0, "")
    assert "NUCLEO-H743ZI2: flashed, compared, started (openocd)" in out


@pytest.mark.parametrize(("tool", "name"), CASES)
def test_another_chip(
    tool: str, name: str, builds: dict[str, Path], cli: Callable[..., tuple[int, str, str]]
) -> None:
    need(tool)
    with debugged_board(L4 if name == H7 else H7) as (emulated, port):
        code, _, err = cli("flash", builds[name], "--probe", tool, "--remote", f"localhost:{port}")
        assert emulated.read_memory(0x08000000, 64) == b"\xff" * 64
    assert code == 1
    assert "the chip that is attached" in err


@pytest.mark.parametrize(("tool", "name"), CASES)
def test_protected_flash(
    tool: str, name: str, builds: dict[str, Path], cli: Callable[..., tuple[int, str, str]]
) -> None:
    need(tool)
    with debugged_board(name, builds[name] / "firmware.elf", protected=True) as (emulated, port):
        before = emulated.read_memory(0x08000000, 4096)
        code, _, err = cli("flash", builds[name], "--probe", tool, "--remote", f"localhost:{port}")
        assert emulated.read_memory(0x08000000, 4096) == before
    assert code == 1
    assert "is protected" in err
    assert "-rdu" in err


@pytest.mark.parametrize("tool", ["openocd", "pyocd"])
def test_a_probe_in_use_and_none(
    tool: str, builds: dict[str, Path], cli: Callable[..., tuple[int, str, str]]
) -> None:
    need(tool)
    with (
        debugged_board(H7) as (_, port),
        socket.create_connection(("localhost", port)) as other,
    ):
        other.sendall(b"r")
        code, _, err = cli("flash", builds[H7], "--probe", tool, "--remote", f"localhost:{port}")
    assert code == 1
    assert "the probe is in use" in err
    code, _, err = cli("flash", builds[H7], "--probe", tool, "--remote", f"localhost:{port}")
    assert code == 1
    assert "nothing listens at the remote port" in err


def test_what_makes_no_sense(
    builds: dict[str, Path], cli: Callable[..., tuple[int, str, str]]
) -> None:
    code, _, err = cli("flash", builds[L4], "--board", H7, "--dry-run")
    assert code == 2
    assert "is built for STM32L4R9I-DISCO, not for NUCLEO-H743ZI2" in err
    code, _, err = cli("flash", builds[L4], "--remote", "localhost:there")
    assert code == 2
    assert "is no place" in err


def test_a_build_older_than_its_model(
    builds: dict[str, Path], tmp_path: Path, cli: Callable[..., tuple[int, str, str]]
) -> None:
    for name in ("firmware.elf", "report.json"):
        (tmp_path / name).write_bytes((builds[L4] / name).read_bytes())
    image = tmp_path / "firmware.elf"
    (tmp_path / "model.tflite").write_bytes(b"newer")
    os.utime(image, (1_000_000, 1_000_000))
    code, _, err = cli("flash", tmp_path, "--dry-run")
    assert code == 1
    assert "is older than" in err
