"""What the terminal shows while a build runs: on a terminal, in a file, with and without colour."""

from __future__ import annotations

import io
import os
import subprocess
import sys
from pathlib import Path

import pytest
from rich.console import Console

from tests.builders import conv_model
from tinydeploy.cli import console
from tinydeploy.cli.console import StageView
from tinydeploy.errors import UsageError


def show(monkeypatch: pytest.MonkeyPatch, **options: bool) -> str:
    """What a view writes into a file of 80 columns for two stages."""
    file = io.StringIO()
    monkeypatch.setattr(console, "stderr", Console(file=file, width=80, highlight=False))
    watch = StageView(**options)
    with watch.stage("quantize"):
        for step in ("ranges", "ranges", "biases", "int8 .tflite of " + "9" * 70):
            watch.detail(step)
        watch.note("a picture is gray")
        watch.note("a picture is gray")
    with pytest.raises(ValueError), watch.stage("plan"):
        watch.note("a picture is gray")
        raise ValueError
    assert list(watch.seconds) == ["quantize", "plan"]
    return file.getvalue()


def test_a_stage_is_a_line_with_its_time_and_a_warning_comes_once(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    text = show(monkeypatch)
    lines = text.splitlines()
    assert "\x1b" not in text
    assert max(map(len, lines)) <= 80
    assert lines[0] == "  ! a picture is gray"
    assert lines[1].startswith("✓ quantize   int8 .tflite of")
    assert lines[1].endswith("0.0 s")
    assert lines[-1].startswith("✗ plan")
    assert text.count("gray") == 1
    assert "ranges" not in text


def test_verbose_shows_each_step(monkeypatch: pytest.MonkeyPatch) -> None:
    lines = show(monkeypatch, verbose=True).splitlines()
    assert lines[:2] == ["  quantize   ranges", "  quantize   biases"]


def test_quiet_shows_nothing(monkeypatch: pytest.MonkeyPatch) -> None:
    assert show(monkeypatch, quiet=True) == ""


def test_quiet_and_verbose_are_opposites() -> None:
    with pytest.raises(UsageError, match="opposites"):
        StageView(quiet=True, verbose=True)


@pytest.mark.parametrize("plain", [False, True])
def test_on_a_terminal_there_are_colours_unless_they_are_unwanted(
    tmp_path: Path, plain: bool
) -> None:
    path = tmp_path / "net.tflite"
    path.write_bytes(conv_model((4, 4, 3), 4))
    environment = {k: v for k, v in os.environ.items() if k not in ("NO_COLOR", "FORCE_COLOR")}
    environment |= {"TERM": "xterm-256color", "COLUMNS": "80"}
    if plain:
        environment["NO_COLOR"] = "1"
    parent, child = pytest.importorskip("pty").openpty()
    try:
        done = subprocess.run(
            [sys.executable, "-m", "tinydeploy", "graph", str(path)],
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=child,
            env=environment,
            check=False,
        )
        shown = os.read(parent, 65536).decode()
    finally:
        os.close(parent)
        os.close(child)
    assert done.returncode == 0, shown
    assert "✓" in shown
    assert ("\x1b[32m" in shown) == (not plain)
    assert b"\x1b" not in done.stdout  # which is no terminal
    assert b"As built:" in done.stdout
