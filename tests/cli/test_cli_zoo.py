"""`tinydeploy zoo`: the list, its filters, the literature."""

from __future__ import annotations

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
    """Runs a command in an empty folder: exit code, stdout, stderr."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("COLUMNS", "80")

    def run(*words: str) -> Outcome:
        with pytest.raises(SystemExit) as caught:
            main(["zoo", *words])
        out, err = capsys.readouterr()
        return int(caught.value.code or 0), out, err

    return run


def test_the_list_fits_80_columns(cli: Callable[..., Outcome]) -> None:
    code, out, _ = cli()
    assert code == 0
    lines = out.splitlines()
    assert max(map(len, lines)) <= 80
    line = next(line for line in lines if line.startswith("etinynet-1.0"))
    assert line.split()[1:] == [
        "963.8", "K", "113.7", "M", "976.0", "K", "117.0", "M", "65.5", "%", line.split()[-1]
    ]  # fmt: skip
    assert line.endswith("b")
    assert "etinynet-<width>" in out
    assert "a file as MCUNet's authors publish them" in " ".join(out.split())


def test_filters_and_order(cli: Callable[..., Outcome]) -> None:
    code, out, _ = cli("--max-params", "1.5M", "--max-macs", "100M", "--min-top1", "50",
                       "--sort", "top1", "--json")  # fmt: skip
    assert code == 0
    nets = json.loads(out)
    accuracies = [net["published"]["top1"] for net in nets]
    assert accuracies == sorted(accuracies, reverse=True)
    assert accuracies[-1] >= 50
    assert "etinynet-0.75" in {net["name"] for net in nets}
    assert max(net["parameters"] for net in nets) <= 1.5e6
    assert max(net["macs"] for net in nets) <= 100e6
    code, out, _ = cli("--name", "resnet1", "--name", "VGG", "--sort", "params")
    assert [line.split()[0] for line in out.splitlines()[2:6]] == [
        "resnet18",
        "resnet101",
        "resnet152",
        "vgg16",
    ]


@pytest.mark.parametrize(
    ("words", "message"),
    [
        (("--name", "no such net"), "no net is like that"),
        (("--max-params", "many"), "'many' is no number"),
        (("--literature", "--sort", "macs"), "lists all of its rows"),
        (("--literature", "--min-top1", "60"), "lists all of its rows"),
    ],
)
def test_mistakes(cli: Callable[..., Outcome], words: tuple[str, ...], message: str) -> None:
    code, _, err = cli(*words)
    assert code == 2
    assert message in err


def test_literature(cli: Callable[..., Outcome]) -> None:
    code, out, _ = cli("--literature")
    assert code == 0
    assert max(map(len, out.splitlines())) <= 80
    assert "no public definition" in out
    code, out, _ = cli("--literature", "--json")
    rows = {(row["comparison"], row["network"]): row for row in json.loads(out)}
    squeezenet = rows["compact", "SqueezeNet v1"]
    assert squeezenet["counted"] == {"parameters": 1_248_424, "macs": 818_924_576}
    assert squeezenet["disagreements"] == ["MACs"]
    assert "apart" in squeezenet["remark"]
    assert rows["etinynet", "EtinyNet-1.0"]["disagreements"] == []
