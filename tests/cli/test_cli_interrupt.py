"""Ctrl-C, and what is kept between runs: nothing half-written, nothing damaged is used."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
from dataclasses import replace
from pathlib import Path

import pytest

from tests.builders import conv_model
from tinydeploy.cli.console import StageView
from tinydeploy.cli.main import main


@pytest.fixture(autouse=True)
def short_training(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Path:
    """An empty folder to work in, training of two epochs, and a cache of its own."""
    from tinydeploy.train import digits

    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("TINYDEPLOY_CACHE", str(tmp_path / "cache"))
    monkeypatch.setattr(digits, "RECIPE", replace(digits.RECIPE, epochs=2, warmup_epochs=0))
    return tmp_path


def run(*words: str) -> int:
    with pytest.raises(SystemExit) as caught:
        main(list(words))
    return int(caught.value.code or 0)


def interrupt_at(monkeypatch: pytest.MonkeyPatch, text: str) -> None:
    """Sends this process what Ctrl-C sends as soon as a stage says the text."""

    def detail(self: StageView, said: str) -> None:
        if text in said:
            os.kill(os.getpid(), signal.SIGINT)

    monkeypatch.setattr(StageView, "detail", detail)


@pytest.mark.parametrize(
    ("model", "text", "kept"),
    [
        ([], "training, epoch 1", 0),
        ([], "calibrate", 1),  # trained to the end
        (["small.tflite"], "arena of", 0),
        (["small.tflite"], "flash ", 0),
        (["small.tflite"], "instructions", 0),
    ],
)
def test_nothing_is_left_behind(
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
    model: list[str],
    text: str,
    kept: int,
) -> None:
    (tmp_path / "small.tflite").write_bytes(conv_model((8, 8, 3), 4))
    interrupt_at(monkeypatch, text)
    assert run("build", *model, "--board", "stm32h743") == 130
    assert "interrupted" in capsys.readouterr().err
    cache = [path for path in (tmp_path / "cache").rglob("*") if path.is_file()]
    assert {path.suffix for path in cache} <= {".weights", ".so"}  # the emulator has its own
    assert len([path for path in cache if path.suffix == ".weights"]) == kept
    left = [path for path in tmp_path.rglob("*") if path.is_file() and path not in cache]
    assert left == [tmp_path / "small.tflite"]
    assert not (tmp_path / "out").exists()


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGHUP])
def test_terminated_as_cleanly(tmp_path: Path, number: signal.Signals) -> None:
    """What CI sends where time is up, and a terminal that is closed."""
    (tmp_path / "small.tflite").write_bytes(conv_model((8, 8, 3), 4))
    command = [sys.executable, "-m", "tinydeploy", "build", "small.tflite", "--board", "stm32h743"]
    with subprocess.Popen(command, stderr=subprocess.PIPE, text=True) as process:
        assert process.stderr is not None
        for line in process.stderr:
            if " code " in line:  # it compiles now, in its unfinished folder
                break
        time.sleep(0.2)
        process.send_signal(number)
        rest = process.stderr.read()
    assert process.returncode == 128 + number
    assert "Traceback" not in rest
    assert {path.name for path in tmp_path.iterdir()} - {"cache"} == {"small.tflite"}


def test_a_damaged_cache_is_noticed_and_replaced(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    from tinydeploy.train.digits import load_digits_model

    assert load_digits_model().notes == ()
    (kept,) = (tmp_path / "cache").glob("*.weights")
    whole = kept.read_bytes()
    kept.write_bytes(whole[:-100] + bytes(100))
    interrupt_at(monkeypatch, "calibrate")
    assert run("build", "--board", "stm32h743") == 130
    said = " ".join(capsys.readouterr().err.split())
    assert "trained again" in said
    assert "the checksum is wrong" in said
    assert kept.read_bytes() == whole
