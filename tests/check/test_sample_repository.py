"""A user's repository: a commit that widens one layer is caught, and the layer named everywhere."""

from __future__ import annotations

import json
import re
from collections.abc import Callable
from pathlib import Path
from xml.etree import ElementTree

import pytest

from tests.model_builder import ModelBuilder
from tinydeploy.cli.main import main

Outcome = tuple[int, str, str]

TEXT = """\
[defaults]
board = "stm32h743"

[targets.keyword]
model = "nets/keyword.tflite"

[targets.keyword.budget]
flash = "64 KB"
ram = "+1 %"
instructions = "+1 %"
"""
SIX = """\
[defaults.budget]
ram = "+2 %"
stack = "1500 B"
"""


def write_net(path: Path, width: int = 8, seed: int = 1) -> None:
    """Six layers; the third makes `width` channels. Behind it all names depend on the width."""
    b = ModelBuilder(seed)
    x = b.conv(b.input((16, 16, 3)), 8, (3, 3), stride=(2, 2))
    x = b.conv(b.depthwise(x), width, (1, 1))
    x = b.conv(x, 8, (3, 3))
    path.parent.mkdir(exist_ok=True)
    path.write_bytes(b.finish([b.fully_connected(b.mean(x), 4)]))


@pytest.fixture
def cli(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> Callable[..., Outcome]:
    """Runs a command in the repository, with an empty cache: exit code, stdout, stderr."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("COLUMNS", "80")
    monkeypatch.setenv("TINYDEPLOY_CACHE", str(tmp_path / ".cache"))

    def run(*words: str) -> Outcome:
        with pytest.raises(SystemExit) as caught:
            main(list(words))
        out, err = capsys.readouterr()
        return int(caught.value.code or 0), out, err

    return run


FILES = ("--json-file", "o.json", "--junit", "o.xml", "--sarif", "o.sarif", "--markdown", "o.md")


def test_a_widened_layer_is_named_in_every_output_and_putting_it_back_passes(
    cli: Callable[..., Outcome], tmp_path: Path
) -> None:
    (tmp_path / "tinydeploy.toml").write_text(TEXT, encoding="utf-8")
    net = tmp_path / "nets" / "keyword.tflite"
    write_net(net)
    code, out, err = cli("check", "--update-baseline")
    assert code == 0, out + err
    assert "tinydeploy.baseline.json is written" in out
    baseline = (tmp_path / "tinydeploy.baseline.json").read_bytes()

    write_net(net, width=24)
    code, out, err = cli("check", *FILES)
    assert code == 3, out + err
    assert max(map(len, out.splitlines())) <= 80
    named = r"layer 2 \(CONV\\?_2D \w+\) went from 1x8x8x8 to 1x8x8x24"
    assert re.search(named, " ".join(out.split()))
    (target,) = json.loads((tmp_path / "o.json").read_text(encoding="utf-8"))["targets"]
    assert [finding["resource"] for finding in target["findings"]] == ["ram", "instructions"]
    assert [finding["layer"]["index"] for finding in target["findings"]] == [2, 2]
    failures = list(ElementTree.parse(tmp_path / "o.xml").iter("failure"))
    assert len(failures) == 2
    assert all(re.search(named, failure.text or "") for failure in failures)
    (run,) = json.loads((tmp_path / "o.sarif").read_text(encoding="utf-8"))["runs"]
    assert len(run["results"]) == 2
    for result, line in zip(run["results"], (9, 10), strict=True):
        assert re.search(named, result["message"]["text"])
        (location,) = result["locations"]
        assert location["physicalLocation"]["region"]["startLine"] == line
        assert location["logicalLocations"][0]["fullyQualifiedName"].startswith("keyword/2/")
    markdown = (tmp_path / "o.md").read_text(encoding="utf-8")
    assert len(re.findall(named, markdown)) == 2

    write_net(net)
    code, out, err = cli("check", "--quiet")
    assert code == 0, out
    assert err == ""
    assert "0 stages run, 9 reused" in out
    assert (tmp_path / "tinydeploy.baseline.json").read_bytes() == baseline


@pytest.mark.slow
def test_six_targets_reuse_what_did_not_change(cli: Callable[..., Outcome], tmp_path: Path) -> None:
    text = SIX
    for k in range(3):
        write_net(tmp_path / "nets" / f"n{k}.tflite", width=8 * (k + 1), seed=k)
        for board in ("stm32h743", "stm32l4r9"):
            text += f'[targets.n{k}-{board}]\nmodel = "nets/n{k}.tflite"\nboard = "{board}"\n'
    (tmp_path / "tinydeploy.toml").write_text(text, encoding="utf-8")
    code, out, _ = cli("check", "--update-baseline", "--jobs", "2")
    assert code == 0, out
    assert "6 targets: 6 ok; 54 stages run, 0 reused" in out
    code, out, _ = cli("check")
    assert code == 0
    assert "6 targets: 6 ok; 0 stages run, 54 reused" in out
    text = text.replace("[targets.n1-stm32l4r9]\n", '[targets.n1-stm32l4r9]\noptimize = "ram"\n')
    (tmp_path / "tinydeploy.toml").write_text(text, encoding="utf-8")
    code, out, _ = cli("check")
    assert code == 0, out
    assert "6 targets: 6 ok; 9 stages run, 45 reused" in out
    write_net(tmp_path / "nets" / "n2.tflite", width=96, seed=2)
    code, out, _ = cli("check")
    assert code == 3
    assert "6 targets: 4 ok, 2 over budget; 18 stages run, 36 reused" in out
