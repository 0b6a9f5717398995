"""The commands of docs/boards.md's chapter on the serial port, one after the other."""

from __future__ import annotations

import re
import shlex
import signal
import subprocess
import sys
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pytest
from PIL import Image
from serial.tools import list_ports

from tests.builders import conv_model
from tests.float_nets import write_dense_net
from tinydeploy.cli.main import main

ROOT = Path(__file__).resolve().parent.parent
BUILD = "out/etinynet_digits-stm32h743"


@dataclass(frozen=True)
class Probe:
    """As much of pyserial's ListPortInfo as matters, of an ST-LINK."""

    device: str
    vid: int = 0x0483
    pid: int = 0x374E
    serial_number: str = "0042"


def read_commands() -> list[str]:
    text = (ROOT / "docs" / "boards.md").read_text(encoding="utf-8")
    chapter = text.partition("\n## See the output\n")[2].partition("\n## ")[0]
    return re.findall(r"^    (tinydeploy .*)$", chapter, re.MULTILINE)


@pytest.fixture
def here(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A folder with a picture and, under the documented name, a build of a small model."""
    monkeypatch.chdir(tmp_path)
    (tmp_path / "small.tflite").write_bytes(conv_model((8, 8, 3), 4))
    pixels = np.random.default_rng(0).integers(0, 256, (16, 16, 3), np.uint8)
    Image.fromarray(pixels).save(tmp_path / "three.png")
    run_command(f"tinydeploy build small.tflite --board stm32h743 -q -o {BUILD}")
    return tmp_path


@pytest.fixture
def board(here: Path) -> Iterator[str]:
    """The emulated board, started as documented; the name that it prints."""
    (command,) = [line for line in read_commands() if "emulate" in line]
    process = subprocess.Popen(
        [sys.executable, "-m", *shlex.split(command)], stdout=subprocess.PIPE, text=True
    )
    assert process.stdout
    try:
        yield process.stdout.readline().strip()
        process.send_signal(signal.SIGINT)
        assert process.wait(20) == 0
    finally:
        process.kill()
        process.stdout.close()


def run_command(command: str) -> None:
    with pytest.raises(SystemExit) as caught:
        main(shlex.split(command)[1:])
    assert not caught.value.code, command


def test_the_serial_chapter(
    board: str, monkeypatch: pytest.MonkeyPatch, capfd: pytest.CaptureFixture[str]
) -> None:
    """Where no port is named the ST-LINK's is found, which here is the emulated board's."""
    monkeypatch.setattr(list_ports, "comports", lambda: [Probe(board)])
    monkeypatch.setenv("COLUMNS", "80")
    shown = {}
    for command in read_commands():
        word = shlex.split(command)[1]
        if word in {"emulate", "build"}:
            continue
        run_command(
            command.replace("/dev/pts/7", board) + (" --seconds 0.6" if word == "monitor" else "")
        )
        out, _ = capfd.readouterr()
        shown.setdefault(word, out)
    assert set(shown) == {"monitor", "validate", "bench", "run"}
    assert "tinydeploy: model small, board NUCLEO-H743ZI2, build " in shown["monitor"]
    assert "self-test ok" in shown["monitor"]
    assert "all equal ai-edge-litert" in shown["validate"]
    assert re.search(r"layer +operator +min +median +max", shown["bench"])
    assert re.search(r" ms, [\d,]+ cycles", shown["run"])


def test_the_builds_of_the_serial_chapter(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """As documented, but of a small net with a data set of its own."""
    monkeypatch.chdir(tmp_path)
    builds = [line for line in read_commands() if shlex.split(line)[1] == "build"]
    assert len(builds) == 2
    rng = np.random.default_rng(0)
    np.savez("x.npz", x=rng.random((300, 20)), y=rng.integers(0, 4, 300))
    write_dense_net(tmp_path / "net.onnx")
    for number, command in enumerate(builds):
        words = command.replace("build", "build net.onnx --data x.npz", 1)
        run_command(f"{words} -q -o built{number}")
