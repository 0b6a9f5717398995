"""A build with TinyNPU beside the board: the digits default, end to end (docs/tinynpu.md)."""

from __future__ import annotations

import json
import subprocess
from pathlib import Path
from typing import Any

import pytest

from tests.builders import conv_model
from tinydeploy.accelerated import AcceleratedReport
from tinydeploy.cli.accelerated_text import list_rows
from tinydeploy.cli.main import main
from tinydeploy.npu.program import parse_program
from tinydeploy.project.publish import check_target

ARGUMENTS = ("build", "--accelerator", "tinynpu", "--board")


def run(*arguments: str) -> int:
    """Runs a build; its exit code."""
    with pytest.raises(SystemExit) as end:
        main([*ARGUMENTS, *arguments])
    return int(end.value.code or 0)


def test_the_digits_default(
    tmp_path: Path, digits_model: Any, capsys: pytest.CaptureFixture[str]
) -> None:
    del digits_model  # trained, and in the cache
    out = tmp_path / "out"
    assert run("stm32l4r9", "-o", str(out), "--json", "--quiet") == 0
    report = json.loads(capsys.readouterr().out)
    assert report == json.loads((out / "npu_report.json").read_text(encoding="utf-8"))
    # The emulated system, frame by frame and in a row, has given TinyNPU's reference, or the build
    # had failed; LiteRT's arithmetic differs from TinyNPU's by rounding alone.
    assert (report["pictures"], report["bytes_compared"]) == (20, 200)
    assert report["litert_top1"] >= 0.9
    assert report["litert_largest_difference"] <= 8
    assert report["accelerator_macs"] == report["macs"]
    assert report["frames_per_second"] > 100
    assert report["accelerator_ms"] < report["frame_ms"] < report["prepare_ms"] + 1
    program = parse_program((out / "program.tnpu").read_bytes())
    assert program.image_bytes == report["image_bytes"] == 1024
    # The project builds by itself to the same image.
    done = subprocess.run(["make", "-s", "-C", str(out / "firmware")], check=False)
    assert done.returncode == 0
    made = (out / "firmware" / "build" / "firmware.elf").read_bytes()
    assert made == (out / "firmware.elf").read_bytes()
    check_target(out)  # another build may take its place
    rows = dict(list_rows(AcceleratedReport(**report)))
    assert "100.0 % of them on TinyNPU" in rows["model"]
    assert rows["stays here"] == "nothing"


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["stm32h743"], "board stm32h743 has no pins for an accelerator"),
        (["stm32l4r9", "--input", "rows"], "--input does not go with --accelerator"),
        (["stm32l4r9", "--watchdog", "2"], "--watchdog does not go with --accelerator"),
        (["stm32l4r9", "--format", "library"], "--format does not go with --accelerator"),
    ],
)
def test_mistakes(arguments: list[str], message: str, capsys: pytest.CaptureFixture[str]) -> None:
    assert run(*arguments) == 2
    assert message in " ".join(capsys.readouterr().err.split())


def test_a_target_of_check(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """A net of which something stays on the board, held against a budget."""
    monkeypatch.setenv("TINYDEPLOY_CACHE", str(tmp_path / "cache"))
    monkeypatch.chdir(tmp_path)
    Path("small.tflite").write_bytes(conv_model((8, 8, 3), 4))
    Path("tinydeploy.toml").write_text(
        '[targets.small]\nmodel = "small.tflite"\nboard = "stm32l4r9"\naccelerator = "tinynpu"\n'
        '[targets.small.budget]\nflash = "100 KB"\nram = "1 KB"\nlatency = "5 ms"\n',
        encoding="utf-8",
    )
    with pytest.raises(SystemExit) as end:
        main(["check", "--json"])
    assert end.value.code == 3
    (target,) = json.loads(capsys.readouterr().out)["targets"]
    assert [finding["resource"] for finding in target["findings"]] == ["ram"]
    figures = target["figures"]
    assert 8_000 < figures["flash"]["value"] < 30_000
    assert 0.05 < figures["latency"]["value"] < 5
