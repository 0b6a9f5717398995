"""`tinydeploy zoo compare`, and nets that are refused before they are made."""

from __future__ import annotations

import csv
import json
from collections.abc import Callable
from pathlib import Path

import pytest

from tinydeploy.cli.main import main

Outcome = tuple[int, str, str]


@pytest.fixture
def cli(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> Callable[..., Outcome]:
    """Runs a command in an empty folder with an empty cache: exit code, stdout, stderr."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("COLUMNS", "80")
    monkeypatch.setenv("TINYDEPLOY_CACHE", str(tmp_path / "cache"))

    def run(*words: str) -> Outcome:
        with pytest.raises(SystemExit) as caught:
            main(list(words))
        out, err = capsys.readouterr()
        return int(caught.value.code or 0), out, " ".join(err.split())

    return run


def test_tables_and_pictures(cli: Callable[..., Outcome], tmp_path: Path) -> None:
    words = ("zoo", "compare", "mobilenet_v1-0.25", "resnet50", "resnet_8", "-b", "stm32h743")
    code, out, err = cli(*words, "--resolution", "32,48", "--picture", "zoo.svg")
    assert code == 0
    assert max(map(len, out.splitlines())) <= 80
    assert "mobilenet_v1-0.25: fits at 32, 48" in err
    assert out.count("resnet50 at 224x224: flash: ") == 1
    assert [line.split()[1] for line in out.splitlines() if line.startswith("resnet_8 ")] == ["32"]
    assert "mobilenet_v1-0.25 @48" in (tmp_path / "zoo.svg").read_text()
    # What was found is kept, for all forms of it.
    code, out, err = cli(*words, "--resolution", "48", "--format", "json", "-q")
    nets = {net["net"]: net for net in json.loads(out)["nets"]}
    assert nets["mobilenet_v1-0.25"]["fits"]
    assert not nets["resnet50"]["fits"]
    assert err == ""
    assert cli(*words, "--format", "csv", "--resolution", "48", "-q", "-o", "nets.csv")[1] == ""
    rows = list(csv.DictReader((tmp_path / "nets.csv").read_text().splitlines()))
    assert [row["net"] for row in rows] == ["mobilenet_v1-0.25", "resnet50", "resnet_8"]
    assert rows[0]["instructions"] == str(nets["mobilenet_v1-0.25"]["instructions"])


@pytest.mark.parametrize(
    ("words", "message"),
    [
        (("resnet_8", "--picture", "zoo.jpg"), "zoo.jpg is no .svg and no .png file"),
        (("resnet_8", "--resolution", "many"), "is no list of resolutions"),
        (("zfnet",), "unknown model 'zfnet'"),
        (("resnet50", "--picture", "zoo.png"), "there is nothing to draw"),
        (("ds_cnn", "resnet50", "--picture", "zoo.png", "-q"), "there is nothing to draw"),
        (("squeezenet-1.0", "--resolution", "8"), "cannot take inputs of 8x8"),
    ],
)
def test_mistakes(cli: Callable[..., Outcome], words: tuple[str, ...], message: str) -> None:
    code, _, err = cli("zoo", "compare", *words, "-b", "stm32h743")
    assert code == 2
    assert message in err


@pytest.mark.parametrize("command", ["build", "plan"])
def test_a_net_too_large_is_refused_at_once(cli: Callable[..., Outcome], command: str) -> None:
    """Before its weights and pictures are asked for."""
    code, _, err = cli(command, "vgg16", "-b", "stm32h743")
    assert code == 3
    assert "vgg16 has 138,357,544 parameters, a byte each in int8" in err
    assert "tinydeploy zoo --max-params" in err
    code, _, err = cli(command, "etinynet-1.0", "-b", "stm32h743", "--max-flash", "512K")
    assert code == 3
    assert "the net may have 524,288 bytes of flash" in err
    code, _, err = cli(command, "etinynet-1.0", "-b", "stm32h743")
    assert code == 2
    assert "needs trained weights" in err
